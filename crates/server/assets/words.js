/** What machines say, in words for people. */

const UNITS = [
  ['day', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
]

/** Seconds in at most `most` units, rounded to the last of them: "14 min 32 s", "11 h", "90 days". */
export function span(seconds, most = 2) {
  const first = UNITS.findIndex(([, size]) => seconds >= size)
  const [, grain] = UNITS[first + most - 1] ?? UNITS.at(-1)
  let rest = Math.round(seconds / grain) * grain
  const parts = []
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size)
    if (count) parts.push(`${count} ${name === 'day' && count > 1 ? 'days' : name}`)
    rest -= count * size
  }
  return parts.join(' ') || '0 s'
}

/** Seconds from now, negative for the past: "in 14 min", "3 h ago". */
export function fromNow(seconds, most = 1) {
  if (Math.abs(seconds) < (most > 1 ? 1 : 10)) return 'just now'
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
    adopt: 'A refresh healed what the database had lost',
    disabled: 'Account disabled',
    enabled: 'Account enabled',
    fingerprint_mismatch: 'A refresh token came from the wrong browser',
    fork: 'A tab took a session of its own',
    login: 'Signed in',
    login_failed: 'A sign-in was refused',
    logout: 'Logged out',
    logout_all: 'Logged out everywhere',
    mint_stale: 'A page was rendered with an old refresh token',
    password_changed: 'Password changed',
    reuse: 'An old refresh token was shown; its session was ended',
    revoked: 'A session was ended',
    roles_changed: 'Roles changed',
    signup: 'Account created',
    subscribed: 'Listening: from here on nothing is missed',
  }
  const plain = kind.replaceAll('_', ' ')
  return said[kind] ?? plain.charAt(0).toUpperCase() + plain.slice(1)
}

const FAREWELL_AT = {
  here: ['You are logged out', 'From now on, the access token of the session is refused everywhere.'],
  tab: ['You logged out in another tab', 'The session ended in all tabs of this browser.'],
  server: ['This device was logged out', 'It was done from another of your devices, or another tab.'],
}

/** Why a session is over, for the person who was signed in. */
export function farewell({ reason, message, where }) {
  const said = {
    absolute: ['The session reached its longest life', 'Sign in again to start a new one.'],
    idle: ['The session was idle for too long', 'Nobody used it, so it ended by itself.'],
    logout: FAREWELL_AT[where],
    reuse: ['The session was ended to protect you', 'An old copy of its refresh token was shown: it may be stolen.'],
    revoked: ['The session was ended for you', 'An administrator ended it, or the password changed.'],
  }
  return said[reason] ?? ['The session is over', message ?? 'Sign in again.']
}

/** What went wrong, for the person who waits: the server's own words, or ours where it had none. */
export function fault({ code, message, status }) {
  if (message && message !== code) return message
  if (code === 'COOKIES_BLOCKED') return 'This browser keeps no cookies of this page.'
  return status ? `The server answered ${status}.` : 'The server cannot be reached.'
}
