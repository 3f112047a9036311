import Link from 'next/link'
import { getServerSession } from '../lib/current-session'

export default async function Page() {
  const { status, claims } = await getServerSession()
  return (
    <section className="hero">
      <h1>Notes that stay yours, in every tab.</h1>
      <p>
        This page was rendered for{' '}
        <b data-testid="rendered-for">
          {status === 'signedIn'
            ? (claims?.preferred_username ?? 'somebody signed in')
            : status === 'signedOut'
              ? 'a visitor'
              : 'somebody whom the server could not ask about'}
        </b>{' '}
        and goes on as a single page, live.
      </p>
      <p className="row">
        <Link className="button" href={status === 'signedOut' ? '/signup' : '/notes'}>
          {status === 'signedOut' ? 'Make an account' : 'Go to your notes'}
        </Link>
      </p>
      <ul className="points">
        <li>
          <b>Rendered with your data.</b> The server asks who you are once for each page, and rotates nothing.
        </li>
        <li>
          <b>Silent refresh.</b> Watch the panel: tabs share one token, and the socket is shown each new one.
        </li>
        <li>
          <b>Signed out means out.</b> Here, in other tabs, on other devices, and on open subscriptions.
        </li>
      </ul>
    </section>
  )
}
