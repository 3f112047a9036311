/** All notes on one page, to be printed: by the Pages Router, to show its half. */
import { pagesSession } from '@countersign/client/next'
import type { GetServerSideProps } from 'next'
import Head from 'next/head'
import type { Note } from '../lib/notes'
import { notesApi, sessionOptions } from '../lib/settings'

interface Props {
  name: string
  notes: Pick<Note, 'id' | 'text'>[] | null
}

const withSession = pagesSession(sessionOptions())

export const getServerSideProps: GetServerSideProps<Props> = withSession(async (_context, session) => {
  if (session.status === 'signedOut')
    return { redirect: { destination: '/signin?next=%2Fprinted', permanent: false } }
  const headers = { 'Content-Type': 'application/json' }
  const body = JSON.stringify({ query: '{ notes { id text } }' })
  const answer = await session
    .fetch(`${notesApi()}/graphql`, { method: 'POST', headers, body })
    .catch(() => null)
  const notes = answer?.ok ? (await answer.json()).data?.notes : null
  return { props: { name: session.claims?.preferred_username ?? 'you', notes: notes ?? null } }
})

export default function Printed({ name, notes }: Props) {
  return (
    <main className="card entrance">
      <Head>
        <title>Notes of {name}</title>
      </Head>
      <h1>Notes of {name}</h1>
      {!notes && <p className="aside">They cannot be reached now. Load the page again.</p>}
      <ol data-testid="printed">
        {notes?.map(({ id, text }) => (
          <li key={id}>{text}</li>
        ))}
      </ol>
    </main>
  )
}
