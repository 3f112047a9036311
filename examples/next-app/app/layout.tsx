import type { Metadata } from 'next'
import type { ReactNode } from 'react'
import { getServerSession } from '../lib/current-session'
import { formToken } from '../lib/form'
import { notesApi } from '../lib/settings'
import { Bar } from '../parts/bar'
import { Panel } from '../parts/panel'
import { Providers } from '../parts/providers'
import './style.css'

export const metadata: Metadata = {
  title: 'Notebook',
  description: 'Rendered on the server, live in the browser.',
  icons: '/icon.svg',
}

export default async function Layout({ children }: { children: ReactNode }) {
  const session = await getServerSession()
  return (
    <html lang="en">
      <body>
        <Providers initial={session.snapshot()} api={notesApi()} token={await formToken()}>
          <Bar />
          <div className="page">
            <main>{children}</main>
            <Panel />
          </div>
        </Providers>
      </body>
    </html>
  )
}
