/** `@countersign/client/testing`: a browser with tabs, and an auth server, in memory and on a clock of their own. */

export { Browser, type Tab } from './testing/browser.ts'
export { ManualClock } from './testing/clock.ts'
export { MemoryServer } from './testing/server.ts'
