/** Where the servers are, read when the app starts: one build runs anywhere. */

/** The auth server, as this server reaches it. Browsers reach it through this app, at `/auth`. */
export const authServer = () => process.env.AUTH_SERVER ?? 'http://localhost:4000'
/** The notes API, as this server and browsers reach it. */
export const notesApi = () => process.env.NOTES_API ?? 'http://localhost:4100'
/** A key with the scope `ssr`: `countersign keys service add --scope ssr`. */
export const serviceKey = () => process.env.COUNTERSIGN_SERVICE_KEY ?? ''
/** How long a page waits for the auth server, before it is rendered without it. */
export const patience = () => Number(process.env.AUTH_PATIENCE_MS ?? 1_500)

/** The article's way instead: `proxy.ts` refreshes before each page. */
export const isForwarding = () => process.env.ROTATE === 'forward'

/** How both routers ask who is there. */
export const sessionOptions = () => ({
  authUrl: `${authServer()}/auth`,
  serviceKey: serviceKey(),
  apiOrigins: [notesApi(), authServer()],
  timeoutMs: patience(),
  ...(isForwarding() && { rotate: 'forward' as const }),
  onError: (error: { code: string }) => console.error('the auth server could not say who asks:', error.code),
})
