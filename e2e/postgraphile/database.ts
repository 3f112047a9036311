/** A PostgreSQL of the test's own, run by the user that may. */
import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../program.ts'

const run = promisify(execFile)

export class Database {
  readonly #folder: string
  readonly #programs: string
  readonly port: number

  private constructor(folder: string, programs: string, port: number) {
    this.#folder = folder
    this.#programs = programs
    this.port = port
  }

  static async start(): Promise<Database> {
    const [found = ''] = globSync('/usr/lib/postgresql/*/bin/initdb')
    const folder = await mkdtemp(join(tmpdir(), 'countersign-postgres-'))
    await chmod(folder, 0o777)
    const database = new Database(folder, dirname(found), await freePort())
    const data = join(folder, 'data')
    await database.#as('initdb', '--pgdata', data, '--auth', 'trust', '--no-sync', '--encoding', 'UTF8')
    const options = `-p ${database.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder}`
    await database.#as('pg_ctl', '-D', data, '-w', '-l', join(folder, 'log'), '-o', options, 'start')
    return database
  }

  url(user: string): string {
    return `postgres://${user}@127.0.0.1:${this.port}/postgres`
  }

  /** Runs a file of SQL as the owner. */
  async apply(file: string): Promise<void> {
    await run('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-d', this.url('postgres'), '-f', file])
  }

  async stop(): Promise<void> {
    await this.#as('pg_ctl', '-D', join(this.#folder, 'data'), '-m', 'immediate', 'stop')
    await rm(this.#folder, { recursive: true })
  }

  async #as(program: string, ...words: string[]): Promise<void> {
    const command = ['-u', 'postgres', '--', join(this.#programs, program), ...words]
    // What it starts keeps the pipes open: over when the command ends, and not when they close.
    await new Promise<void>((resolve, refuse) => {
      const child = execFile('runuser', command, { cwd: tmpdir() }, error => error && refuse(error))
      child.once('exit', code => code === 0 && resolve())
    })
  }
}
