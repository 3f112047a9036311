/** Another program beside the server: started by a test, and ended by its own pid. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as passing } from 'node:timers/promises'
import { binary, type Stack } from './stack.ts'

export class Program {
  readonly #process: ChildProcess
  readonly said: string[] = []

  constructor(command: string, words: string[], environment: Record<string, string> = {}, folder?: string) {
    this.#process = spawn(command, words, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(folder ? { cwd: folder } : {}),
    })
    process.once('exit', () => this.#process.kill('SIGKILL'))
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream) createInterface(stream).on('line', line => this.said.push(line))
    }
  }

  /** Waits for something that it says. */
  says(what: RegExp): Promise<string> {
    return this.#until(async () => this.said.map(line => what.exec(line)?.[1]).find(found => found))
  }

  /** Waits until it takes connections. */
  listens(port: number): Promise<true> {
    return this.#until(async () => {
      const socket = connect(port, '127.0.0.1')
      const taken = await Promise.race([
        once(socket, 'connect').then(() => true as const),
        once(socket, 'error').then(() => undefined),
      ]).catch(() => undefined)
      socket.destroy()
      return taken
    })
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGTERM')
    await once(this.#process, 'close')
  }

  async #until<Found>(look: () => Promise<Found | undefined>): Promise<Found> {
    for (const end = Date.now() + 30_000; Date.now() < end; await passing(20)) {
      const found = await look()
      if (found !== undefined) return found
      if (this.#process.exitCode !== null) break
    }
    throw new Error([`${this.#process.spawnfile} is not ready`, ...this.said].join('\n'))
  }
}

/** `countersign gateway`, on a free port, once it knows what the auth server says. */
export class Gateway {
  readonly url: string
  readonly admin: string
  readonly #program: Program

  private constructor(url: string, admin: string, program: Program) {
    this.url = url
    this.admin = admin
    this.#program = program
  }

  static async start(stack: Stack, flags: Record<string, string> = {}): Promise<Gateway> {
    const made = await stack.command(
      'keys',
      'service',
      'add',
      '--scope',
      'revocations',
      '--name',
      'gateway',
      '--json',
    )
    const settings = { issuer: stack.url, listen: '127.0.0.1:0', 'admin-listen': '127.0.0.1:0', ...flags }
    const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    const key = { COUNTERSIGN_GATEWAY_SERVICE_KEY: JSON.parse(made).key }
    const program = new Program(binary, ['gateway', ...words], key)
    const admin = await program.says(/metrics: (\S+)/)
    const gateway = new Gateway(await program.says(/ready: (\S+)/), admin, program)
    await until(async () => (await fetch(`${admin}/health/ready`)).ok)
    return gateway
  }

  stop(): Promise<void> {
    return this.#program.stop()
  }
}

/** Waits until something is so. */
export async function until(is: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await is()); await passing(5)) {
    if (Date.now() > end) throw new Error(`it never came to be so: ${is}`)
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
