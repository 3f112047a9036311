/** The notes API beside a server, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { binary, type Flags, type Stack } from './stack.ts'
import { Refused } from './visitor.ts'

export class Notes {
  readonly url: string
  readonly #process: ChildProcess

  private constructor(url: string, process: ChildProcess) {
    this.url = url
    this.#process = process
  }

  /** Resolves when the API says that it is ready. It knows the server by a service key, and nothing else of it. */
  static async start(stack: Stack, flags: Flags = {}): Promise<Notes> {
    const key = await stack.command('keys', 'service', 'add', '--scope', 'revocations')
    const words = {
      issuer: stack.url,
      'service-key': /csk_\S+/.exec(key)?.[0] ?? '',
      listen: '127.0.0.1:0',
      ...flags,
    }
    const notes = spawn(
      join(dirname(binary), 'notes-api'),
      Object.entries(words).flatMap(([name, value]) => [`--${name}`, value]),
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    process.once('exit', () => notes.kill('SIGKILL'))
    const said: string[] = []
    createInterface(notes.stderr).on('line', line => said.push(line))
    const url = await new Promise<string>((ready, refuse) => {
      createInterface(notes.stdout).on('line', line => {
        const url = /ready: (http:\/\/\S+)/.exec(line)?.[1]
        if (url) ready(url)
      })
      notes.once('error', refuse)
      notes.once('close', code => refuse(new Error([`notes-api ended with ${code}`, ...said].join('\n'))))
    })
    return new Notes(url, notes)
  }

  /** Executes an operation with this token and these cookies. */
  async post<Answer>(query: string, token: string, cookie: string): Promise<Answer> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, cookie },
      body: JSON.stringify({ query }),
    })
    const answer = await response.json()
    if (!response.ok) throw new Refused(response.status, answer.error)
    if (answer.errors) throw new Error(JSON.stringify(answer.errors))
    return answer.data
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    await once(this.#process, 'close')
  }
}
