// PostGraphile behind `countersign gateway --identity variables`: it believes the headers that the gateway sets, and
// so must be reached through the gateway only.
import { makePgService } from 'postgraphile/adaptors/pg'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

export default {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL, schemas: ['app'] })],
  grafserv: { host: '127.0.0.1', port: Number(process.env.PORT), websockets: true, graphiql: false },
  grafast: {
    context({ node, ws }) {
      // Of the request, or of the WebSocket's upgrade.
      const headers = (ws?.request ?? node.req).headers
      return { pgSettings: { role: 'app_user', 'app.user_id': headers['x-hasura-user-id'] } }
    },
  },
}
