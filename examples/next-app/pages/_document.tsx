import Document, { type DocumentContext, Head, Html, Main, NextScript } from 'next/document'

/** The Pages Router does not take the nonce out of the policy by itself. */
export default class Page extends Document<{ nonce: string }> {
  static override async getInitialProps(context: DocumentContext) {
    const policy = String(context.req?.headers['content-security-policy'] ?? '')
    return { ...(await Document.getInitialProps(context)), nonce: /'nonce-([^']+)'/.exec(policy)?.[1] ?? '' }
  }

  override render() {
    const { nonce } = this.props
    return (
      <Html lang="en">
        <Head nonce={nonce}>
          <link rel="icon" href="/icon.svg" />
        </Head>
        <body>
          <Main />
          <NextScript nonce={nonce} />
        </body>
      </Html>
    )
  }
}
