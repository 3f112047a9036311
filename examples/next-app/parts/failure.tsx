import { codeIn, messageOf } from '../lib/messages'

/** Why a form changed nothing that was sent without scripts: `error` is of the address that it led to. */
export function Failure({ error }: { error: unknown }) {
  const code = codeIn(error)
  return (
    code && (
      <p className="card refusal" role="alert">
        {messageOf(code === 'UNAVAILABLE' ? code : 'FAILED')}
      </p>
    )
  )
}
