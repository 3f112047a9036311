/** A server of Node on a free port. */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ask, type Running } from './tool.ts'

export async function listening(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

export async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
}

/** A tool that runs in a server of Node, and is asked by a request. */
export async function served(listener: RequestListener, request: RequestInit = {}): Promise<Running> {
  const { url, server } = await listening(listener)
  return { judge: token => ask(`${url}/graphql`, token, request), stop: () => closed(server) }
}

/** A request of GraphQL. */
export const asking = (query: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query }),
})
