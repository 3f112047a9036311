/** An auth server, and tokens of it that are each wrong in one thing: all signed by its true keys. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { freePort, until } from '../program.ts'
import { Stack } from '../stack.ts'
import { Visitor } from '../visitor.ts'
import type { Algorithm, Expected } from './tool.ts'

/** How long the expired token lived, in seconds. */
const SHORT = 1

export class Issuer {
  readonly #stack: Stack
  readonly #visitor: Visitor
  readonly #algorithm: Algorithm
  /** By the case that each is for. */
  readonly tokens: Record<'good' | 'expired' | 'audience' | 'issuer' | 'tampered', string>

  private constructor(stack: Stack, visitor: Visitor, algorithm: Algorithm, tokens: Issuer['tokens']) {
    this.#stack = stack
    this.#visitor = visitor
    this.#algorithm = algorithm
    this.tokens = tokens
  }

  /** The same server is started with other settings for each kind of wrong token. */
  static async start(algorithm: Algorithm): Promise<Issuer> {
    // Said, as it cannot be read out of another issuer's name.
    const listen = `127.0.0.1:${await freePort()}`
    const flags: Record<string, string> = { 'signing-alg': algorithm, listen }
    const stack = await Stack.start(flags)
    const [visitor, session] = await Visitor.signedUp(stack.url)
    const good = session.jwt_token
    const otherwise = async (setting: string, value: string) => {
      await stack.stop()
      flags[setting] = value
      await stack.start()
      const { jwt_token } = await visitor.refresh()
      delete flags[setting]
      return jwt_token
    }
    const expired = await otherwise('access-ttl', `${SHORT}s`)
    const audience = await otherwise('audience', 'other')
    const issuer = await otherwise('issuer', 'https://other.example')
    await stack.stop()
    await stack.start()
    const tokens = { good, expired, audience, issuer, tampered: tampered(good) }
    await until(async () => Date.now() / 1000 > (decodeJwt(expired).exp ?? 0) + SHORT)
    return new Issuer(stack, visitor, algorithm, tokens)
  }

  async expected(): Promise<Expected> {
    return {
      algorithm: this.#algorithm,
      jwks: `${this.#stack.url}/.well-known/jwks.json`,
      issuer: this.#stack.url,
      audience: 'api',
      folder: await mkdtemp(join(tmpdir(), 'countersign-interop-')),
      pem: () => this.#pem(),
    }
  }

  /** A token of a key that nobody has heard of who fetched the keys before: announced and active one are both new. */
  async rotated(): Promise<string> {
    for (let rotation = 0; rotation < 2; rotation++) {
      const before = kid((await this.#visitor.refresh()).jwt_token)
      await this.#stack.command('keys', 'rotate', '--now')
      await until(async () => kid((await this.#visitor.refresh()).jwt_token) !== before)
    }
    return (await this.#visitor.refresh()).jwt_token
  }

  async withdraw(token: string): Promise<void> {
    await this.#stack.command('keys', 'withdraw', kid(token))
    const jwks = `${this.#stack.url}/.well-known/jwks.json`
    await until(async () => !(await (await fetch(jwks)).text()).includes(kid(token)))
  }

  async stop(): Promise<void> {
    await this.#stack.remove()
  }

  async #pem(): Promise<string[]> {
    const keys: { kid: string; state: string }[] = JSON.parse(
      await this.#stack.command('keys', 'list', '--json'),
    )
    const kids = ['active', 'announced', 'retiring'].flatMap(state =>
      keys.filter(key => key.state === state).map(({ kid }) => kid),
    )
    return Promise.all(kids.map(kid => this.#stack.command('keys', 'public', kid)))
  }
}

const kid = (token: string): string => decodeProtectedHeader(token).kid ?? ''

/** The same header and signature around the claims of somebody else. */
function tampered(token: string): string {
  const [header, , signature] = token.split('.')
  const claims = { ...decodeJwt(token), sub: 'somebody-else' }
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
}

/** Removes the folder of `expected`. */
export const removed = (folder: string): Promise<void> => rm(folder, { recursive: true })
