/** What a tool has to do to be in the table: judge tokens, told no more than an API is told in its configuration. */
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'

export type Algorithm = 'ES256' | 'EdDSA' | 'RS256'

/** The columns of the table. */
export const cases = {
  good: 'good',
  expired: 'expired',
  audience: 'other audience',
  issuer: 'other issuer',
  tampered: 'tampered',
  rotated: 'new key',
  withdrawn: 'withdrawn key',
} as const

export type Case = keyof typeof cases

export interface Expected {
  algorithm: Algorithm
  jwks: string
  issuer: string
  audience: string
  /** An empty folder, for configuration. */
  folder: string
  /** Every public key as PEM, as `countersign keys public` prints it: the one that signs first. */
  pem(): Promise<string[]>
}

export interface Running {
  /** Answers "ok", or what the tool says of the fault. */
  judge(token: string): Promise<string>
  /** What an operator must do where the keys are not fetched. */
  takeKeys?(): Promise<void>
  stop?(): Promise<void>
}

export interface Tool {
  name: string
  /** As it is installed; what cannot be found is skipped. */
  version(): string | undefined
  algorithms: Algorithm[]
  /** What it says of each fault; nothing if it says the same of all. */
  says: Partial<Record<Case, string>>
  notes: string
  start(expected: Expected): Promise<Running>
}

const require = createRequire(import.meta.url)

/** The version of a package of npm. */
export function npm(name: string): string | undefined {
  const folder = require.resolve
    .paths(name)
    ?.map(folder => `${folder}/${name}/package.json`)
    .find(file => process.getBuiltinModule('node:fs').existsSync(file))
  return folder && require(folder).version
}

/** What a program says of its version, or nothing if it is not there. */
export function says(command: string, words: string[], version: RegExp): string | undefined {
  try {
    const text = execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    return version.exec(text)?.[1]
  } catch {
    return undefined
  }
}

/** Asks an API with a token; "ok", or the text of the refusal. */
export async function ask(url: string, token: string, request: RequestInit = {}): Promise<string> {
  const headers = { ...request.headers, authorization: `Bearer ${token}` }
  const response = await fetch(url, { ...request, headers })
  const text = await response.text()
  // A server of GraphQL may refuse with 200.
  if (response.ok) return text.includes('"errors"') ? text : 'ok'
  return response.status === 401 || response.status === 403
    ? text || 'refused'
    : `${response.status}: ${text}`
}
