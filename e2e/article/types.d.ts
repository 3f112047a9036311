declare module 'next/router' {
  export { Router, useRouter } from './router'
}
declare namespace NodeJS {
  interface ProcessEnv {
    NEXT_PUBLIC_HASURA_ENDPOINT: string
  }
}
