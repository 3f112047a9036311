'use client'

/** At once, or as soon as there is a network: a page that cannot be fetched would be the browser's own. */
export function whenOnline(run: () => void): void {
  if (navigator.onLine) run()
  else addEventListener('online', run, { once: true })
}
