/** A form of ours shows what its cookie holds; a page of somebody else can neither read nor set that. */
export const formCookie = '__Host-form'
/** From `proxy.ts` to the page. */
export const formHeader = 'x-form-token'
