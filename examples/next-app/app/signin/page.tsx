import { EntrancePage, type Search } from '../../lib/entrance-page'

export default function Page({ searchParams }: Search) {
  return <EntrancePage kind="signin" searchParams={searchParams} />
}
