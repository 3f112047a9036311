/** The article's app on `@countersign/client/article`. */
import {
  ApolloClient,
  ApolloLink,
  ApolloProvider,
  gql,
  HttpLink,
  InMemoryCache,
  useQuery,
} from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { getMainDefinition } from '@apollo/client/utilities'
import { bindApollo } from '@countersign/client/apollo'
import { article } from '@countersign/client/article'
import { sessionSocket } from '@countersign/client/graphql-ws'
import { createClient } from 'graphql-ws'
import Router from 'next/router'
import { createRoot } from 'react-dom/client'
import { Form } from './form'

declare global {
  interface Window {
    getJwtToken: () => string | null
  }
}

const endpoint = process.env.NEXT_PUBLIC_HASURA_ENDPOINT ?? '/graphql'
const { session, getJwtToken, login, logout, tokenRefreshLink, logoutLink } = article()

const socket = new GraphQLWsLink(createClient(sessionSocket(session, endpoint.replace('http', 'ws'))))
const client = new ApolloClient({
  link: ApolloLink.split(
    ({ query }) => {
      const definition = getMainDefinition(query)
      return definition.kind === 'OperationDefinition' && definition.operation === 'subscription'
    },
    socket,
    ApolloLink.from([tokenRefreshLink, logoutLink, new HttpLink({ uri: endpoint, credentials: 'include' })]),
  ),
  cache: new InMemoryCache(),
})
bindApollo(session, client)

// What the server rendered
const initial = document.getElementById('initial')?.textContent
if (initial) client.cache.restore(JSON.parse(initial))

// Being logged in, and the logout of every tab: one place decides both
session.subscribe(() => {
  if (session.getSnapshot().status === 'signedOut') Router.push('/login')
})
const { status } = await session.start()
if (status === 'signedOut') Router.push('/login')

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

function Home() {
  const { data } = useQuery(Me)
  return (
    <>
      <h1>{data?.me.email}</h1>
      <button type="button" onClick={() => session.signOut({ scope: 'all' })}>
        Force Logout
      </button>
      <button type="button" onClick={logout}>
        Log out
      </button>
    </>
  )
}

function LoginForm() {
  return (
    <Form
      submit={async (username, password) => {
        await login({ username, password })
        Router.push('/')
      }}
    />
  )
}

const events: string[] = []
Object.assign(window, {
  getJwtToken,
  me: () => client.query({ query: Me, fetchPolicy: 'network-only' }).then(({ data }) => data.me.email),
  events,
  listen: () =>
    client
      .subscribe({ query: Events })
      .subscribe({ next: ({ data }) => events.push(data.sessionEvents.kind), error: () => {} }),
})
createRoot(document.querySelector('main') as HTMLElement).render(
  location.pathname === '/login' ? (
    <LoginForm />
  ) : (
    <ApolloProvider client={client}>
      <Home />
    </ApolloProvider>
  ),
)
