/** A page with a subscription. */
import { sessionSocket } from '@countersign/client/graphql-ws'
import { createClient } from 'graphql-ws'
import './core.ts'

declare global {
  interface Window {
    ticks: { tick: number; at: number }[]
    over: string[]
    subscribe: () => () => void
  }
}

const { session } = window
const client = createClient(sessionSocket(session, `${location.origin.replace('http', 'ws')}/ws`))
const [ticks, over]: [Window['ticks'], string[]] = [[], []]
Object.assign(window, {
  ticks,
  over,
  subscribe: () =>
    client.subscribe<{ tick: number }>(
      { query: 'subscription { tick }' },
      {
        next: ({ data }) => data && ticks.push({ tick: data.tick, at: performance.now() }),
        error: error => over.push(`error ${(error as CloseEvent).code ?? error}`),
        complete: () => over.push('complete'),
      },
    ),
})
