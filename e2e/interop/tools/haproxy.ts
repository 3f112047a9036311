import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, Program } from '../../program.ts'
import { closed, listening } from '../served.ts'
import { ask, says, type Tool } from '../tool.ts'

export const haproxy: Tool = {
  name: 'HAProxy `jwt_verify`',
  version: () => says('haproxy', ['-v'], /version ([\d.]+)/),
  algorithms: ['ES256', 'RS256'],
  says: {
    expired: 'expired',
    audience: 'audience',
    issuer: 'issuer',
    tampered: 'signature',
    withdrawn: 'signature',
  },
  notes:
    'no EdDSA. Fetches nothing: keys are files (`countersign keys public`), written again and reloaded after a rotation, as [haproxy-jwt.cfg](proxies/haproxy-jwt.cfg) says',
  async start({ algorithm, issuer, folder, pem }) {
    const api = await listening((_request, response) => response.end('ok'))
    const port = await freePort()
    const text = await readFile('docs/proxies/haproxy-jwt.cfg', 'utf8')
    const mine = text
      .replaceAll('127.0.0.1:8080', new URL(api.url).host)
      .replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`)
      .replaceAll('https://auth.example.com', issuer)
      .replaceAll('-m str ES256', `-m str ${algorithm}`)
    await mkdir(join(folder, 'keys'))
    await writeFile(join(folder, 'haproxy.cfg'), mine)
    let running: Program | undefined
    const takeKeys = async () => {
      const [active = '', announced = '', previous = active] = await pem()
      for (const [name, key] of Object.entries({ active, announced, previous })) {
        await writeFile(join(folder, 'keys', `${name}.pem`), key)
      }
      await running?.stop()
      running = new Program('haproxy', ['-db', '-f', 'haproxy.cfg'], {}, folder)
      await running.listens(port)
    }
    await takeKeys()
    return {
      judge: token => ask(`http://127.0.0.1:${port}`, token),
      takeKeys,
      stop: async () => {
        await running?.stop()
        await closed(api.server)
      },
    }
  },
}
