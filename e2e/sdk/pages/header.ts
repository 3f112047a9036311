/** A page in the article's mode. */
import { createSession } from '@countersign/client'
import { authorizedFetch } from '@countersign/client/fetch'
import { headerTransport } from '@countersign/client/header'

const session = createSession({ transport: headerTransport() })
Object.assign(window, { session, authorized: authorizedFetch(session), seen: { statuses: [] } })
window.loaded = session.start()
