/** What machines say, in words for people. */

const UNITS = [
  ['day', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
]

/** Seconds in at most `most` units: "14 min 32 s", "11 h", "90 days". */
export function span(seconds, most = 2) {
  let rest = Math.max(0, Math.floor(seconds))
  const parts = []
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size)
    if (parts.length === most || (parts.length && !count)) break
    if (count) parts.push(`${count} ${name === 'day' && count > 1 ? 'days' : name}`)
    rest -= count * size
  }
  return parts.join(' ') || '0 s'
}

/** Seconds from now, negative for the past: "in 14 min", "3 h ago". */
export function fromNow(seconds, most = 1) {
  if (Math.abs(seconds) < 1) return 'just now'
  return seconds > 0 ? `in ${span(seconds, most)}` : `${span(-seconds, most)} ago`
}

const BROWSERS = [
  ['Edg/', 'Edge'],
  ['OPR/', 'Opera'],
  ['Firefox/', 'Firefox'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
]
const SYSTEMS = [
  ['Android', 'Android'],
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Mac OS X', 'macOS'],
  ['Windows', 'Windows'],
  ['Linux', 'Linux'],
]

/** A `User-Agent` as "Firefox on Linux"; what is no browser keeps its own name. */
export function device(userAgent) {
  if (!userAgent) return 'Unknown device'
  const named = (table) => table.find(([mark]) => userAgent.includes(mark))?.[1]
  const [browser, system] = [named(BROWSERS), named(SYSTEMS)]
  return browser && system ? `${browser} on ${system}` : userAgent.slice(0, 60)
}

/** What an entry of the audit says; unknown kinds keep their name. */
export function happening(kind) {
  const said = {
    login: 'Signed in',
    login_failed: 'A sign-in was refused',
    logout: 'Logged out',
    logout_all: 'Logged out everywhere',
    refresh_reuse: 'An old refresh token was shown; its session was ended',
    revoke: 'A session was ended',
    signup: 'Account created',
  }
  const plain = kind.replaceAll('_', ' ')
  return said[kind] ?? plain.charAt(0).toUpperCase() + plain.slice(1)
}

/** Why a session is over, for the person who was signed in. */
export function farewell({ reason, message, where }) {
  if (reason === 'logout' && where === 'here') return ['You are logged out', 'The session is on the deny-list: its access token is refused everywhere, from now on.']
  if (reason === 'logout' && where === 'tab') return ['You logged out in another tab', 'The session ended in all tabs of this browser.']
  const said = {
    absolute: ['The session reached its longest life', 'Sign in again to start a new one.'],
    idle: ['The session was idle for too long', 'Nobody used it, so it ended by itself.'],
    logout: ['This device was logged out', 'It was done from another of your devices, or another tab.'],
    reuse: ['The session was ended to protect you', 'An old copy of its refresh token was shown: somebody may have copied it.'],
    revoked: ['The session was ended for you', 'An administrator ended it, or the password changed.'],
  }
  return said[reason] ?? ['The session is over', message ?? 'Sign in again.']
}
