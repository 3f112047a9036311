/** A program that is asked a line at a time, and answers each with one. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

export class Answers {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>

  constructor(command: string, words: string[]) {
    this.#process = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] })
    process.once('exit', () => this.#process.kill('SIGKILL'))
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]()
  }

  async ask(line: string): Promise<string> {
    this.#process.stdin.write(`${line}\n`)
    const { done, value } = await this.#lines.next()
    if (done) throw new Error(`${this.#process.spawnfile} ended`)
    return value
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    this.#process.stdin.end()
    await once(this.#process, 'close')
  }
}
