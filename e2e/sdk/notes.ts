/** The notes API of `examples/`, beside an auth server. */
import { dirname, resolve } from 'node:path'
import { Program } from '../program.ts'
import { binary, type Stack } from '../stack.ts'

export interface Notes {
  url: string
  stop(): Promise<void>
}

export async function startNotes(stack: Stack, origin: string): Promise<Notes> {
  const made = await stack.command(
    'keys',
    'service',
    'add',
    '--name',
    'notes',
    '--scope',
    'revocations',
    '--json',
  )
  const flags = ['--issuer', stack.url, '--listen', '127.0.0.1:0', '--origins', origin, '--ws-grace', '2s']
  const program = new Program(resolve(dirname(binary), 'notes-api'), flags, {
    NOTES_SERVICE_KEY: JSON.parse(made).key,
  })
  return { url: await program.says(/ready: (http:\S+)/), stop: () => program.stop() }
}
