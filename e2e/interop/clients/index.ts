import type { Client } from '../client.ts'
import { apollo3 } from './apollo3.ts'
import { apollo4 } from './apollo4.ts'
import { graphqlWs, subscriptionsTransportWs } from './sockets.ts'
import { tokenRefresh03, tokenRefresh07 } from './token-refresh.ts'
import { urql } from './urql.ts'

export const clients: Client[] = [
  apollo3,
  apollo4,
  tokenRefresh03,
  tokenRefresh07,
  urql,
  graphqlWs,
  subscriptionsTransportWs,
]
