import type { Tool } from '../tool.ts'
import { apache } from './apache.ts'
import { expressJwt } from './express.ts'
import { haproxy } from './haproxy.ts'
import { hasura2, hasura3 } from './hasura.ts'
import { jose } from './jose.ts'
import { postgraphile } from './postgraphile.ts'
import { joserfc, pyjwt } from './python.ts'
import { yoga } from './yoga.ts'

export const tools: Tool[] = [
  jose,
  expressJwt,
  yoga,
  postgraphile,
  haproxy,
  apache,
  pyjwt,
  joserfc,
  hasura2,
  hasura3,
]
