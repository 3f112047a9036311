/** The access token in three colours, raw and decoded. It is only shown here: checking it is the API's work. */

const NOTES = {
  kid: 'which public key',
  typ: 'an access token, RFC 9068',
  iss: 'who signed it',
  sub: 'the user',
  aud: 'the API it is for',
  jti: 'this token only',
  sid: 'this session',
  cep: 'claims epoch: rises when roles change',
}
const FINGERPRINT = 'x-user-fingerprint'
const FINGERPRINT_NOTE =
  'SHA-256 of the fingerprint cookie, which no script can read. Whoever steals this token is refused without that cookie.'
const PARTS = ['header', 'payload', 'signature']

/** Draws the token into `{ raw, header, claims, signature }`; what differs from the token before it flashes. */
export function drawToken(into, raw, before) {
  const parts = raw.split('.')
  const old = before?.split('.') ?? parts
  into.raw.replaceChildren(
    ...parts.flatMap((part, i) => [...(i ? ['.'] : []), element('span', PARTS[i], ...changes(part, old[i]))]),
  )
  const header = decode(parts[0])
  into.header.replaceChildren(...object(header, decode(old[0])))
  into.claims.replaceChildren(...object(decode(parts[1]), decode(old[1])))
  into.signature.textContent = `${header.alg}, ${bytes(parts[2]).length} bytes`
}

/** The hash of the fingerprint cookie that the token carries. */
export function fingerprintOf(raw) {
  const claims = Object.values(decode(raw.split('.')[1])).flatMap((value) => Object.entries(value))
  return claims.find(([name]) => name.toLowerCase() === FINGERPRINT)?.[1] ?? null
}

export function element(tag, className, ...children) {
  const made = document.createElement(tag)
  made.className = className
  made.append(...children)
  return made
}

function bytes(part) {
  return Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
}

const decode = (part) => JSON.parse(new TextDecoder().decode(bytes(part)))

/** Text with the changed runs marked, in steps of four characters: three bytes in base64url. */
function changes(text, old) {
  const runs = []
  for (let at = 0; at < text.length; at += 4) {
    const piece = text.slice(at, at + 4)
    const isNew = piece !== old.slice(at, at + 4)
    if (runs.at(-1)?.isNew === isNew) runs.at(-1).text += piece
    else runs.push({ text: piece, isNew })
  }
  return runs.map((run) => (run.isNew ? element('mark', 'fresh', run.text) : run.text))
}

function object(value, old, depth = 0) {
  const entries = Object.entries(value)
  const lines = entries.flatMap(([name, inner], i) => {
    const comma = i < entries.length - 1 ? ',' : ''
    return isObject(inner)
      ? [line(depth + 1, key(name), '{'), ...object(inner, old?.[name] ?? {}, depth + 1), line(depth + 1, `}${comma}`)]
      : member(name, inner, old?.[name], comma, depth + 1)
  })
  return depth ? lines : [line(0, '{'), ...lines, line(0, '}')]
}

function member(name, value, old, comma, depth) {
  const items = Array.isArray(value) && value.map((item) => JSON.stringify(item)).join(', ')
  const text = items === false ? JSON.stringify(value) : `[${items}]`
  const isNew = JSON.stringify(value) !== JSON.stringify(old)
  const shown = element(isNew ? 'mark' : 'span', isNew ? 'fresh value' : 'value', text)
  const drawn = line(depth, key(name), shown, comma)
  const note = name === 'iat' || name === 'exp' ? moment(value) : NOTES[name]
  if (note) drawn.append(' ', element('span', 'note', note))
  if (name.toLowerCase() !== FINGERPRINT) return [drawn]
  return [drawn, element('div', `line in-${depth} callout`, FINGERPRINT_NOTE)]
}

/** A time that the page keeps in words. */
function moment(epochSeconds) {
  const time = document.createElement('time')
  time.dateTime = new Date(epochSeconds * 1000).toISOString()
  time.dataset.units = '2'
  return time
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value)
const key = (name) => element('span', 'key', `"${name}": `)
const line = (depth, ...children) => element('div', `line in-${depth}`, ...children)
