/** The hint: a cookie that scripts may read, `<session id>.<depth>`. It authorises nothing. */

import type { World } from './world.ts'

export interface Hint {
  readonly sid: string
  readonly depth: number
}

const pattern = /(?:^|; )(__(?:Host|Secure)-cshint)=([^;.]+)\.(\d+)/

export function readHint({ cookies }: World): Hint | null {
  const found = pattern.exec(cookies.cookie)
  return found && { sid: found[2] as string, depth: Number(found[3]) }
}

/** Removes the hint of that session, and of no other: a late answer must not undo a new sign-in. */
export function removeHint({ cookies }: World, sid: string, domain: string | undefined): void {
  const found = pattern.exec(cookies.cookie)
  if (found?.[2] === sid)
    cookies.cookie = `${found[1]}=; Path=/; Secure; Max-Age=0${domain ? `; Domain=${domain}` : ''}`
}
