import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, Program } from '../../program.ts'
import { ask, says, type Tool } from '../tool.ts'

/** The public keys over TLS. */
async function overTls(jwks: string, folder: string) {
  const [key, cert] = [join(folder, 'tls.key'), join(folder, 'tls.crt')]
  const made = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost'
  await promisify(execFile)('openssl', [...made.split(' '), '-keyout', key, '-out', cert])
  const files = { key: await readFile(key), cert: await readFile(cert) }
  const server = createServer(files, async (_request, response) => {
    const answer = await fetch(jwks)
    response.setHeader('content-type', 'application/json').end(await answer.text())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

export const apache: Tool = {
  name: 'Apache mod_auth_openidc',
  version: () => says('dpkg-query', ['-W', 'libapache2-mod-auth-openidc'], /\t([\d.]+)/),
  algorithms: ['ES256', 'RS256'],
  says: {},
  notes:
    'no EdDSA (`cjose`). Keys over https only; fetches for a key that it does not know, and each hour (`OIDCJWKSRefreshInterval`). A refusal is a page that says 401',
  async start({ jwks, issuer, audience, folder }) {
    const port = await freePort()
    const tls = await overTls(jwks, folder)
    const at = tls.address()
    const values: Record<string, string> = {
      modules: '/usr/lib/apache2/modules',
      port: `${port}`,
      folder,
      keys: `https://127.0.0.1:${typeof at === 'object' && at?.port}/jwks.json`,
      issuer,
      audience,
    }
    const text = await readFile(join(import.meta.dirname, 'apache.conf'), 'utf8')
    await writeFile(
      join(folder, 'apache.conf'),
      text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all),
    )
    // Its workers are another user.
    await mkdir(join(folder, 'www'))
    await writeFile(join(folder, 'www/graphql'), 'ok')
    await chmod(folder, 0o755)
    const running = new Program('apache2', ['-f', join(folder, 'apache.conf'), '-DFOREGROUND'])
    await running.listens(port)
    return {
      judge: token => ask(`http://127.0.0.1:${port}/graphql`, token),
      stop: async () => {
        await running.stop()
        tls.closeAllConnections()
        tls.close()
      },
    }
  },
}
