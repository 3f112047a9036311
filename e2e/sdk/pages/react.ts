/** A page with React in StrictMode. */
import { SessionProvider, SignedIn, SignedOut, useClaims, useSession } from '@countersign/client/react'
import { createElement as h, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './core.ts'

let renders = 0
function Status() {
  const { status } = useSession()
  const sub = useClaims(claims => claims.sub)
  Object.assign(window, { renders: ++renders })
  return h('p', null, status, ' ', sub)
}

const tree = () =>
  h(
    StrictMode,
    null,
    h(
      SessionProvider,
      { session: window.session },
      h(Status),
      h(SignedIn, null, h('b', null, 'in')),
      h(SignedOut, null, h('b', null, 'out')),
    ),
  )
let root = createRoot(document.querySelector('main') as HTMLElement)
root.render(tree())
Object.assign(window, {
  remount: () => {
    root.unmount()
    root = createRoot(document.querySelector('main') as HTMLElement)
    root.render(tree())
  },
})
