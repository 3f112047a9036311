/** The notes API of `examples/`, as a process beside an auth server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { binary, type Stack } from '../stack.ts'

export interface Notes {
  url: string
  stop(): Promise<void>
}

export async function startNotes(stack: Stack, origin: string): Promise<Notes> {
  const said = await stack.command('keys', 'service', 'add', '--name', 'notes', '--scope', 'revocations')
  const key = /csk_[\w-]+/.exec(said)?.[0] ?? ''
  const flags = ['--issuer', stack.url, '--listen', '127.0.0.1:0', '--origins', origin, '--ws-grace', '2s']
  const api = spawn(resolve(dirname(binary), 'notes-api'), flags, {
    env: { ...process.env, NOTES_SERVICE_KEY: key },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(api, 'close')
  const url = await new Promise<string>((ready, refuse) => {
    createInterface(api.stdout).on('line', line => {
      const url = /ready: (http:\S+)/.exec(line)?.[1]
      if (url) ready(url)
    })
    api.once('error', refuse)
    api.once('close', code => refuse(new Error(`the notes API ended with ${code}`)))
  })
  return {
    url,
    stop: async () => {
      api.kill('SIGKILL')
      await ended
    },
  }
}
