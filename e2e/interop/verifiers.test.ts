/** Other people's programs, told no more than an API is, accept our access tokens and refuse bad ones. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { until } from '../program.ts'
import { Issuer, removed } from './issuer.ts'
import { type Algorithm, type Case, cases, type Running, type Tool } from './tool.ts'
import { tools } from './tools/index.ts'

// Each program that a test starts listens for the end of the tests.
process.setMaxListeners(0)

const algorithms = ['ES256', 'EdDSA', 'RS256'] as const
// At once, so that what must pass is waited for together.
describe('verifiers', { concurrency: algorithms.length }, () => {
  for (const algorithm of algorithms) {
    test(algorithm, async t => {
      const issuer = await Issuer.start(algorithm)
      const table = new Table(t, algorithm)
      try {
        await table.start(issuer)
        const { good } = issuer.tokens
        await table.accept('good', good)
        for (const name of ['expired', 'audience', 'issuer', 'tampered'] as const) {
          await table.refuse(name, issuer.tokens[name])
        }
        const rotated = await issuer.rotated()
        await table.takeKeys()
        await table.accept('rotated', rotated)
        // So that those who fetch for an unknown key have reason to, and find that another one is gone.
        await issuer.withdraw(good)
        const newer = await issuer.rotated()
        await table.takeKeys()
        await table.refuse('withdrawn', good, newer)
      } finally {
        await table.stop()
        await issuer.stop()
      }
    })
  }
})

/** The tools that know an algorithm. Each cell of the table is a test. */
class Table {
  readonly #t: TestContext
  readonly #algorithm: Algorithm
  readonly #running = new Map<Tool, Running>()
  readonly #folders: string[] = []

  constructor(t: TestContext, algorithm: Algorithm) {
    this.#t = t
    this.#algorithm = algorithm
  }

  async start(issuer: Issuer): Promise<void> {
    for (const tool of tools.filter(({ algorithms }) => algorithms.includes(this.#algorithm))) {
      if (!tool.version()) {
        await this.#t.test(tool.name, { skip: 'it is not installed' })
        continue
      }
      const expected = await issuer.expected()
      this.#folders.push(expected.folder)
      await this.#t.test(`${tool.name}, ${this.#algorithm}: starts`, async () => {
        this.#running.set(tool, await tool.start(expected))
      })
    }
  }

  async accept(name: Case, token: string): Promise<void> {
    await this.#each(name, async ({ judge }) => assert.equal(await judge(token), 'ok'))
  }

  /** Where `newer` is given, the tool is shown that first, and may need time. */
  async refuse(name: Case, token: string, newer?: string): Promise<void> {
    await this.#each(name, async ({ judge }, tool) => {
      if (newer) {
        assert.equal(await judge(newer), 'ok')
        await until(async () => (await judge(token)) !== 'ok')
      }
      const said = await judge(token)
      assert.notEqual(said, 'ok')
      assert.ok(said.includes(tool.says[name] ?? '401'), said)
    })
  }

  async takeKeys(): Promise<void> {
    for (const { takeKeys } of this.#running.values()) await takeKeys?.()
  }

  async stop(): Promise<void> {
    for (const { stop } of this.#running.values()) await stop?.()
    for (const folder of this.#folders) await removed(folder)
  }

  async #each(name: Case, shown: (running: Running, tool: Tool) => Promise<void>): Promise<void> {
    for (const [tool, running] of this.#running) {
      await this.#t.test(`${tool.name}, ${this.#algorithm}: ${cases[name]}`, () => shown(running, tool))
    }
  }
}
