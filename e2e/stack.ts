/** The real server as a process: started on a folder of its own, ended by its own pid. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

export const binary =
  process.env.COUNTERSIGN_BIN ?? resolve(process.env.CARGO_TARGET_DIR ?? 'target', 'debug/countersign')

/** What `countersign serve` takes besides its address and its folder, e.g. `{'access-ttl': '3s'}`. */
export type Flags = Record<string, string>

/** One server and its folder. A killed server starts again on the same folder and address. */
export class Stack {
  url = ''
  readonly folder: string
  readonly #flags: Flags
  #process: ChildProcess | undefined

  private constructor(folder: string, flags: Flags) {
    this.folder = folder
    this.#flags = flags
    process.once('exit', () => this.#process?.kill('SIGKILL'))
  }

  static async start(flags: Flags = {}): Promise<Stack> {
    const stack = new Stack(await mkdtemp(join(tmpdir(), 'countersign-')), flags)
    await stack.start()
    return stack
  }

  /** Resolves when the server says that it is ready, rejects with its last words if it ends before. */
  async start(): Promise<void> {
    const port = this.url ? new URL(this.url).port : '0'
    const { listen = `127.0.0.1:${port}`, ...others } = this.#flags
    const flags = Object.entries(others).flatMap(([name, value]) => [`--${name}`, value])
    const server = spawn(binary, ['serve', '--listen', listen, '--data', this.folder, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = server
    const said: string[] = []
    createInterface(server.stderr).on('line', line => said.push(line))
    this.url = await new Promise((ready, refuse) => {
      createInterface(server.stdout).on('line', line => {
        said.push(line)
        const url = /ready: (https?:\/\/\S+)/.exec(line)?.[1]
        if (url) ready(url)
      })
      server.once('error', refuse)
      server.once('close', code => refuse(new Error([`the server ended with ${code}`, ...said].join('\n'))))
    })
  }

  /** Ends the server as an operator would, and insists that it ends well. */
  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM')
    if (code !== 0) throw new Error(`the server ended with ${code}`)
  }

  /** Ends the server in the middle of whatever it does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async remove(): Promise<void> {
    await this.stop()
    await rm(this.folder, { recursive: true })
  }

  /** Runs a `countersign` command on this server's folder, and answers what it printed. */
  async command(...words: string[]): Promise<string> {
    // Commands know the server's settings as the server does, by the environment.
    const settings = Object.entries(this.#flags).map(([name, value]) => [
      `COUNTERSIGN_${name.replaceAll('-', '_').toUpperCase()}`,
      value,
    ])
    const environment = { env: { ...process.env, ...Object.fromEntries(settings) } }
    return (await promisify(execFile)(binary, [...words, '--data', this.folder], environment)).stdout
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const server = this.#process
    this.#process = undefined
    if (!server || server.exitCode !== null) return server?.exitCode ?? 0
    server.kill(signal)
    const [code] = await once(server, 'close')
    return code
  }
}
