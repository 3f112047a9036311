/** A page with Apollo Client; bundled with version 3 and with version 4. */
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client/core'
import { bindApollo, sessionLink } from '@countersign/client/apollo'
import './core.ts'

declare global {
  interface Window {
    me: (options?: object) => Promise<string | undefined>
    cached: () => string
    version: string
  }
}

const { session } = window
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.from([sessionLink(session), new HttpLink({ uri: '/api/graphql' })]),
})
bindApollo(session, client)
const query = gql`
  query Me {
    me {
      id
    }
  }
`
Object.assign(window, {
  me: async (options = {}) => {
    const { data } = await client.query<{ me: { id: string } }>({
      query,
      fetchPolicy: 'network-only',
      ...options,
    })
    return data?.me.id
  },
  cached: () => JSON.stringify(client.extract()),
  version: client.version,
})
