import 'server-only'
import { headers } from 'next/headers'
import { formHeader } from './form-token'

/** What forms of this page show. */
export const formToken = async (): Promise<string> => (await headers()).get(formHeader) ?? ''
