/** The one command of README.md that starts everything. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from '@playwright/test'

test('scripts/demo starts all three, and Ctrl-C leaves none', async () => {
  const demo = spawn(resolve(import.meta.dirname, '../../scripts/demo'), {
    env: { ...process.env, PORT: '0', AUTH_PORT: '0', NOTES_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, which can be ended as a whole if the script fails to.
    detached: true,
  })
  const said: string[] = []
  createInterface(demo.stderr).on('line', line => said.push(line))
  const ended = once(demo, 'close')
  const ready = new Promise<string>((resolve, refuse) => {
    createInterface(demo.stdout).on('line', line => line.startsWith('The app is ready') && resolve(line))
    demo.once('close', code => refuse(new Error([`it ended with ${code}`, ...said].join('\n'))))
  })
  try {
    const [app, auth, notes] = (await ready).match(/http:\/\/localhost:\d+/g) ?? []
    expect(await (await fetch(`${app}/`)).text()).toContain('a visitor')
    expect((await fetch(`${auth}/health/ready`)).status).toBe(200)
    expect((await fetch(`${notes}/health`)).status).toBe(200)
    // What a shell starts beside itself does not hear of Ctrl-C: the script ends each by its id.
    demo.kill('SIGINT')
    await ended
    for (const gone of [app, auth, notes]) await expect(fetch(`${gone}/`)).rejects.toThrow()
  } finally {
    if (demo.exitCode === null && demo.signalCode === null) process.kill(-(demo.pid ?? 0), 'SIGTERM')
  }
})
