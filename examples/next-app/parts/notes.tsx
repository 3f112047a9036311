'use client'
import { ApolloProvider, useMutation, useQuery } from '@apollo/client/react'
import { useSessionClient } from '@countersign/client/react'
import { useEffect } from 'react'
import { type ApolloState, useApollo } from '../lib/apollo'
import { addNote, allNotes, liveNotes, type Note, removeNote } from '../lib/notes'
import { Form } from './form'
import { usePlace } from './providers'
import { useRequired } from './required'

export function NotesPage({ state }: { state: ApolloState | null }) {
  const client = useApollo(useSessionClient(), usePlace().api, state)
  return (
    <ApolloProvider client={client}>
      <Notes />
    </ApolloProvider>
  )
}

function Notes() {
  const { status } = useRequired()
  const isIn = status === 'signedIn'
  const { data, error, subscribeToMore } = useQuery(allNotes, { skip: !isIn })
  const [add] = useMutation(addNote)
  const [remove] = useMutation(removeNote)
  useEffect(() => {
    if (!isIn) return
    return subscribeToMore({
      document: liveNotes,
      // All of them each time, the first time at once: what was missed while nobody listened is there too.
      updateQuery: (_, { subscriptionData }) => subscriptionData.data as { notes: Note[] },
      onError: () => {},
    })
  }, [isIn, subscribeToMore])

  if (!isIn) return <Skeleton />
  return (
    <section className="card">
      <h1>Notes</h1>
      <Form
        to="note"
        className="row"
        run={async fields => {
          const text = String(fields.get('text'))
          if (text.trim()) await add({ variables: { text } })
          document.querySelector<HTMLFormElement>('form.row')?.reset()
        }}
      >
        <input
          name="text"
          aria-label="A note"
          placeholder="Write something down"
          maxLength={1000}
          autoComplete="off"
        />
        <button type="submit">Add</button>
      </Form>
      {error && !data && <p className="refusal">The notes cannot be reached now.</p>}
      {!data && !error && <Lines />}
      {data?.notes.length === 0 && <p className="aside">Nothing yet. Open a second tab, and write there.</p>}
      <ul className="notes" data-testid="notes">
        {data?.notes.toReversed().map(({ id, text, createdAt }) => (
          <li key={id}>
            <span>{text}</span>
            <time dateTime={createdAt}>{createdAt.slice(11, 16)}</time>
            <button
              type="button"
              className="quiet"
              aria-label={`Remove ${text}`}
              onClick={() => void remove({ variables: { id } })}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <p className="aside">
        <a href="/printed">All on one page</a>
      </p>
    </section>
  )
}

const Lines = () => (
  <div className="lines" aria-hidden="true">
    <i />
    <i />
    <i />
  </div>
)

/** While it is not known who asks. */
export const Skeleton = () => (
  <section className="card" data-testid="skeleton" aria-busy="true">
    <Lines />
  </section>
)
