/** A PostgreSQL of the test's own. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const program = join(import.meta.dirname, '../../scripts/postgres')

export class Database {
  readonly #folder: string
  readonly #url: string

  private constructor(folder: string, url: string) {
    this.#folder = folder
    this.#url = url
  }

  static async start(): Promise<Database> {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-postgres-'))
    const { stdout } = await run(program, ['start', folder])
    return new Database(folder, stdout.trim())
  }

  url(user: string): string {
    return this.#url.replace('postgres@', `${user}@`)
  }

  /** Runs a file of SQL as the owner. */
  async apply(file: string): Promise<void> {
    await run('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-d', this.#url, '-f', file])
  }

  async stop(): Promise<void> {
    await run(program, ['stop', this.#folder])
    await rm(this.#folder, { recursive: true })
  }
}
