/** What a client of GraphQL has to do to be in the table: keep asking, while tokens end and keys change. */

/** The columns of the table. */
export const stages = {
  sends: 'sends the token',
  expiry: 'goes on after expiry',
  rotation: 'goes on after a rotation',
  logout: 'ends with the session',
} as const

export type Stage = keyof typeof stages

export interface Asking {
  /** Resolves once the API has answered as it answers who is signed in; rejects when it was refused for good. */
  ask(): Promise<void>
  /** How many sockets were opened and taken; of those that hold one, which a renewal replaces. */
  opened?(): number
  stop?(): unknown
}

export interface Client {
  name: string
  version(): string | undefined
  notes: string
  start(login: import('./login.ts').Login): Promise<Asking>
}
