/** The page at `/`: what the session is and does, made visible. It draws; `session.js` decides. */

import { Live } from './live.js'
import { Notes } from './notes.js'
import { Ring } from './ring.js'
import { Dropped, Session } from './session.js'
import { drawToken, fingerprintOf } from './token.js'
import { device, farewell, fault, fromNow, happening, span } from './words.js'

const LONGEST_LOG = 80
const LONGEST_HEARD = 20
const EVENTS = 'subscription { sessionEvents { id kind at detail } }'
const REQUIRED = 'Please fill in this field.'

const byId = (id) => document.getElementById(id)
const session = new Session()
const ring = new Ring(byId('life'), session)
const live = new Live(`${location.origin.replace('http', 'ws')}/graphql`, EVENTS, session)
const notes = byId('notes') && new Notes(byId('notes').dataset.url, session)

/* ---- which view ---- */

session.addEventListener('change', () => {
  const { status, ended, user } = session
  const wasHere = !byId('session').hidden
  byId('checking').hidden = status !== 'checking'
  byId('entry').hidden = status !== 'signed-out'
  byId('session').hidden = status !== 'signed-in'
  if (status === 'signed-in') greet(user)
  if (status === 'signed-out') part(ended, wasHere)
})

function greet(user) {
  byId('who').textContent = user.username ?? user.email
  byId('who-else').textContent = [user.username && user.email, `role ${user.default_role}`].filter(Boolean).join(', ')
  byId('auth').reset()
  reveal(false)
  byId('notice').hidden = true
  for (const id of ['devices', 'events', 'heard', 'note-list']) byId(id)?.replaceChildren()
  byId('session-title').focus({ preventScroll: true })
  scrollTo(0, 0)
}

function part(ended, wasHere) {
  byId('ended').hidden = !ended
  if (ended) {
    const [what, why] = farewell(ended)
    byId('ended').dataset.reason = ended.reason ?? 'unknown'
    byId('ended').querySelector('strong').textContent = what
    byId('ended').querySelector('span').textContent = why
    // After a log-out of one's own it may come before the answer or after: it is no news then.
    byId('cut').hidden = !live.cut || ended.where === 'here'
    if (live.cut) byId('cut').querySelector('code').textContent = `${live.cut.code} ${live.cut.reason}`
  }
  // The token was in the document, too: nothing of it stays behind.
  for (const id of ['raw', 'header', 'claims', 'signature', 'fingerprint']) byId(id).replaceChildren()
  setMode('login')
  scrollTo(0, 0)
  if (wasHere) byId('username').focus()
}

/* ---- the token and its life ---- */

session.addEventListener('token', ({ detail: { before } }) => {
  const { raw } = session.token
  const { depth, idle_expires_in, expires_at } = session.session
  const [rawText, header, claims, signature] = ['raw', 'header', 'claims', 'signature'].map(byId)
  drawToken({ raw: rawText, header, claims, signature }, raw, before?.raw)
  byId('depth').textContent = depth
  byId('idle').textContent = span(idle_expires_in)
  byId('absolute').dateTime = expires_at
  byId('fingerprint').textContent = fingerprintOf(raw) ?? 'none'
  byId('readable').textContent = document.cookie || 'nothing'
  byId('stored').textContent = [...Object.keys(localStorage), ...Object.keys(sessionStorage)].join(', ') || 'nothing'
  ring.refill()
  // The server answers a refresh that comes soon after another with the same depth.
  if (before) log('note', `New token, depth ${before.depth === depth ? `${depth} again` : `${before.depth} → ${depth}`}`)
  tick()
  reload()
})

session.addEventListener('trouble', tick)
session.addEventListener('wake', reload)
setInterval(tick, 1000)

/** Keeps every time on the page true, in words, by the server's clock. */
function tick() {
  const now = session.serverNow()
  for (const time of document.querySelectorAll('time[datetime]')) {
    say(time, fromNow((Date.parse(time.dateTime) - now) / 1000, Number(time.dataset.units ?? 1)))
  }
  const { token, trouble } = session
  if (token) say(byId('next-refresh'), fromNow((token.refreshAt - performance.now()) / 1000, 2).replace(/.*ago/, 'now'))
  byId('trouble').hidden = !trouble
  if (trouble) for (const id of ['trouble', 'checking-trouble']) sayTrouble(byId(id).children, trouble)
}

/** The reason is announced once; the seconds are for the eye only. */
function sayTrouble([why, next], { message, retryAt }) {
  const seconds = Math.ceil((retryAt - performance.now()) / 1000)
  say(why, session.token ? `${message} You stay signed in.` : message)
  say(next, seconds > 0 ? `Next try in ${seconds} s.` : 'Trying again.')
}

function say(where, text) {
  if (where.textContent !== text) where.textContent = text
}

/* ---- sockets ---- */

live.addEventListener('state', () => {
  drawState(byId('live'), live)
  byId('renewals').textContent = live.renewals
  byId('live-since').hidden = live.state !== 'open'
  byId('live-since').dateTime = new Date(live.since).toISOString()
  if (live.cut) log('refused', 'Socket closed by the server', `${live.cut.code} ${live.cut.reason}`)
  tick()
})

live.addEventListener('answer', ({ detail: { sessionEvents: event } }) => {
  byId('heard').prepend(eventRow(event))
  if (byId('heard').childElementCount > LONGEST_HEARD) byId('heard').lastElementChild.remove()
  // What happened elsewhere shows here at once.
  if (event.kind === 'subscribed') tick()
  else reload()
})

notes?.live.addEventListener('state', () => drawState(byId('notes'), notes.live))
notes?.live.addEventListener('answer', ({ detail }) => {
  byId('note-list').replaceChildren(...detail.notes.map(noteRow))
  tick()
})

byId('note-form')?.addEventListener('submit', (event) => {
  event.preventDefault()
  const { note, add } = event.target.elements
  const text = note.value.trim()
  if (text) attempt(add, () => notes.add(text).then(() => event.target.reset()))
})

function drawState(panel, { state, cut }) {
  panel.dataset.state = cut ? 'cut' : state
  say(panel.querySelector('.state'), cut ? `closed: ${cut.code} ${cut.reason}` : state)
}

function noteRow({ id, text, createdAt }) {
  const row = fromTemplate('note')
  row.querySelector('.what').textContent = text
  row.querySelector('.when').append(when(createdAt))
  const button = row.querySelector('button')
  button.setAttribute('aria-label', `Remove the note ${text}`)
  onPress(button, () => notes.remove(id))
  return row
}

/* ---- devices and history ---- */

async function reload() {
  try {
    const asked = ['/auth/sessions', '/auth/events'].map((path) => session.call('GET', path))
    const [{ sessions }, { events }] = await Promise.all(asked)
    byId('devices').replaceChildren(...sessions.map(deviceRow))
    byId('logout-others').hidden = sessions.length < 2
    byId('events').replaceChildren(...events.map(eventRow))
    byId('notice').hidden = true
    tick()
  } catch (refusal) {
    complain(refusal)
  }
}

function deviceRow({ id, current, user_agent, created_at, seen_at, expires_at, remember, mode }) {
  const row = fromTemplate('device')
  row.dataset.sessionId = id
  row.dataset.current = current
  row.querySelector('b').textContent = device(user_agent)
  row.querySelector('.chip').hidden = !current
  const traits = [remember && ', remembered', mode === 'header' && ', header mode'].filter(Boolean)
  const times = ['Seen ', when(seen_at), ', signed in ', when(created_at), ', ends ', when(expires_at)]
  row.querySelector('.when').append(...times, ...traits)
  const button = row.querySelector('button')
  button.setAttribute('aria-label', `Log out ${device(user_agent)}${current ? ', this device' : ''}`)
  onPress(button, () => (current ? session.logOut() : endDevice(`/auth/sessions/${encodeURIComponent(id)}`)))
  return row
}

async function endDevice(path) {
  await session.call('DELETE', path)
  announce('That device is logged out.')
  await reload()
  byId('devices-title').focus()
}

function eventRow({ kind, at, detail }) {
  const row = fromTemplate('event')
  const details = Object.entries(detail ?? {}).map(([name, value]) => `, ${name.replaceAll('_', ' ')} ${value}`)
  row.querySelector('.what').textContent = happening(kind)
  row.querySelector('.when').append(when(at), ...details)
  return row
}

function when(rfc3339) {
  const time = document.createElement('time')
  time.dateTime = rfc3339
  time.title = new Date(rfc3339).toLocaleString()
  return time
}

const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true)

/* ---- what this page did ---- */

session.addEventListener('request', ({ detail: { method, path, status, took, isDropped } }) => {
  const came = isDropped ? 'dropped' : `${status || 'no answer'}  ${Math.round(took)} ms`
  log(status >= 400 || !status ? 'refused' : method === 'GET' ? 'read' : 'sent', `${method} ${path}`, came)
})

function log(kind, what, came = '') {
  const row = fromTemplate('deed')
  row.className = kind
  row.querySelector('.at').textContent = `${(performance.now() / 1000).toFixed(1)} s`
  row.querySelector('.what').textContent = what
  row.querySelector('.came').textContent = came
  byId('activity').prepend(row)
  if (byId('activity').childElementCount > LONGEST_LOG) byId('activity').lastElementChild.remove()
}

/* ---- sign in, sign up ---- */

const form = byId('auth')
const fields = form.elements

function setMode(mode) {
  const isSignup = mode === 'signup'
  form.dataset.mode = mode
  for (const part of form.querySelectorAll('[data-only]')) part.hidden = part.dataset.only !== mode
  form.querySelector('label[for=username]').textContent = isSignup ? 'User name, if you like' : 'E-mail or user name'
  fields.username.required = !isSignup
  fields.password.autocomplete = isSignup ? 'new-password' : 'current-password'
  if (isSignup) fields.password.setAttribute('aria-describedby', 'password-rule')
  else fields.password.removeAttribute('aria-describedby')
  byId('auth-title').textContent = isSignup ? 'Create an account' : 'Sign in'
  byId('submit').textContent = isSignup ? 'Create account' : 'Sign in'
  if (byId('switch-mode')) {
    byId('switch-question').textContent = isSignup ? 'Have an account?' : 'New here?'
    byId('switch-mode').textContent = isSignup ? 'Sign in' : 'Create an account'
  }
  fail(null)
}

byId('switch-mode')?.addEventListener('click', () => {
  setMode(form.dataset.mode === 'login' ? 'signup' : 'login')
  fields[form.dataset.mode === 'signup' ? 'email' : 'username'].focus()
})

byId('reveal').addEventListener('click', () => reveal(fields.password.type === 'password'))

function reveal(isShown) {
  fields.password.type = isShown ? 'text' : 'password'
  byId('reveal').setAttribute('aria-pressed', isShown)
}

fields.password.addEventListener('input', () => {
  byId('password-length').value = passwordLength()
})

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const wrong = firstFault()
  fail(wrong?.message, wrong?.field)
  if (!wrong) attempt(byId('submit'), enter)
})

async function enter() {
  const { email, username, password, remember } = fields
  const common = { password: password.value, remember: remember.checked }
  const name = username.value.trim()
  try {
    if (form.dataset.mode === 'login') await session.signIn({ username: name, ...common })
    else await session.signIn({ email: email.value.trim(), ...(name && { username: name }), ...common }, 'signup')
    announce('Signed in.')
  } catch (refusal) {
    if (refusal instanceof Dropped) return
    fail(fault(refusal), refusal.code === 'CREDENTIALS_INVALID' ? password : null)
  }
}

/** The server has the last word; this only spares a round trip. */
function firstFault() {
  const { email, username, password } = fields
  const isSignup = form.dataset.mode === 'signup'
  const empty = [isSignup && email, username, password].find((field) => field?.required && !field.value.trim())
  if (empty) return { field: empty, message: REQUIRED }
  if (!isSignup) return null
  if (!email.checkValidity()) return { field: email, message: 'This does not look like an e-mail address.' }
  if (username.value.includes('@')) return { field: username, message: 'A user name has no @.' }
  const least = Number(form.dataset.passwordMin)
  if (passwordLength() < least) return { field: password, message: `The password needs at least ${least} characters.` }
  return null
}

/** In bytes of UTF-8, as the server counts. */
const passwordLength = () => new TextEncoder().encode(fields.password.value).length

/** Says what is wrong, at the field that is. */
function fail(message, field) {
  const error = byId('error')
  error.hidden = !message
  error.textContent = message ?? ''
  for (const one of [fields.email, fields.username, fields.password]) {
    one.ariaInvalid = one === field ? 'true' : null
    if (one === field) one.setAttribute('aria-errormessage', 'error')
  }
  field?.focus()
}

/* ---- buttons ---- */

onPress(byId('refresh-now'), async () => {
  await session.refresh()
  announce(`Refreshed, depth ${session.session.depth}.`)
})
onPress(byId('logout'), () => session.logOut())
onPress(byId('logout-all'), () => session.logOut({ everywhere: true }))
onPress(byId('logout-others'), async () => {
  await session.call('POST', '/auth/logout/all?others=true', {})
  announce('The other devices are logged out.')
  await reload()
  byId('devices-title').focus()
})

function onPress(button, action) {
  button.addEventListener('click', () => attempt(button, action))
}

/** One press, one request; the button keeps the focus meanwhile. */
async function attempt(button, action) {
  if (button.ariaBusy) return
  button.ariaBusy = 'true'
  try {
    await action()
  } catch (refusal) {
    complain(refusal)
  } finally {
    button.ariaBusy = null
  }
}

function complain(refusal) {
  if (refusal instanceof Dropped || session.trouble) return
  byId('notice').hidden = false
  byId('notice').textContent = fault(refusal)
}

function announce(text) {
  byId('announcer').textContent = text
}

/* ---- theme ---- */

const THEME = 'countersign-theme'
const prefersDark = matchMedia('(prefers-color-scheme: dark)')
const isDark = () => (document.documentElement.dataset.theme ?? (prefersDark.matches ? 'dark' : 'light')) === 'dark'

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme
  byId('theme').setAttribute('aria-pressed', isDark())
}

byId('theme').addEventListener('click', () => {
  setTheme(isDark() ? 'light' : 'dark')
  localStorage.setItem(THEME, document.documentElement.dataset.theme)
})
prefersDark.addEventListener('change', () => setTheme())
setTheme(localStorage.getItem(THEME))

/* ---- begin ---- */

session.start()
if (location.hash === '#signup' && byId('switch-mode')) setMode('signup')
