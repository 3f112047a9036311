/** The article's app. The same page is bundled with the code as it is written there, and with the corrected. */
import { ApolloClient, type ApolloLink, ApolloProvider, gql, InMemoryCache, useQuery } from '@apollo/client'
import Router from 'next/router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import * as apollo from './app/apollo-client'
import { ForceLogout } from './app/force-logout'
import { guard } from './app/guard'
import { LoginForm } from './app/login'
import { logoutLink } from './app/logout-link'
import { makeTokenRefreshLink } from './app/refresh-link'
import { SignOut } from './app/sign-out'
import { watch } from './app/sync-logout'
import './app/tab-sync'

declare global {
  interface Window {
    /** Asks the API; answers the user's address. */
    me: () => Promise<string>
    /** What `listen` was told. */
    events: string[]
    listen: () => void
  }
}

const Me = gql`
  query Me {
    me {
      id
      email
    }
  }
`
const Events = gql`
  subscription Events {
    sessionEvents {
      kind
    }
  }
`

// The corrected client has its links; to the article's, the page adds those of the section that is shown.
const { before, getOrCreateWebsocketLink } = apollo as {
  before?: unknown[]
  getOrCreateWebsocketLink?: () => ApolloLink
}
const links = document.documentElement.dataset.links ?? ''
if (links.includes('logout')) before?.push(logoutLink)
if (links.includes('refresh')) before?.push(makeTokenRefreshLink())

const isSocket = links.includes('socket') && getOrCreateWebsocketLink

const { pathname } = location
if (pathname === '/') await guard()
if (pathname !== '/login' && pathname !== '/signin') watch.start()

function Home() {
  const { data } = useQuery(Me)
  return (
    <>
      <h1>{data?.me.email}</h1>
      <ForceLogout />
      <button type="button" onClick={() => Router.push('/signout')}>
        Log out
      </button>
    </>
  )
}

function Page() {
  const client = apollo.useApollo(null)
  const isLogin = pathname === '/login' || pathname === '/signin'
  if (isLogin) return <LoginForm />
  return <ApolloProvider client={client}>{pathname === '/signout' ? <SignOut /> : <Home />}</ApolloProvider>
}

const events: string[] = []
Object.assign(window, {
  me: () =>
    apollo
      .initializeApollo()
      .query({ query: Me, fetchPolicy: 'network-only' })
      .then(({ data }) => data.me.email),
  events,
  listen: () =>
    (isSocket
      ? new ApolloClient({ link: getOrCreateWebsocketLink(), cache: new InMemoryCache() })
      : apollo.initializeApollo()
    )
      .subscribe({ query: Events })
      .subscribe({
        next: ({ data }) => events.push(data.sessionEvents.kind),
        error: error => events.push(`error ${error.message ?? error.type}`),
      }),
})
createRoot(document.querySelector('main') as HTMLElement).render(
  <StrictMode>
    <Page />
  </StrictMode>,
)
