/** A page in the article's mode. With `?patient` it waits as long as it takes for what an open tab says. */
import { browserWorld, createSession } from '@countersign/client'
import { authorizedFetch } from '@countersign/client/fetch'
import { headerTransport } from '@countersign/client/header'

const world = browserWorld()
const { timer } = world
/** By itself the SDK asks for a sign-in when nobody has answered by then. */
const patience = 250
if (location.search === '?patient') world.timer = (run, ms) => timer(run, ms === patience ? 60_000 : ms)

const session = createSession({ transport: headerTransport(), world })
Object.assign(window, { session, authorized: authorizedFetch(session), seen: { statuses: [] } })
window.loaded = session.start()
