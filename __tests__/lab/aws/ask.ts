import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'

/** An answer, read whole. */
export type Answered = { status: number; headers: IncomingHttpHeaders; body: string }

/** What is asked. */
export type Asking = {
  method?: string
  headers?: Record<string, string>
  body?: string
  proxy?: string
  ca?: string
}

/** Sends a request byte for byte as given, unlike fetch, which adds and refuses headers. */
export function ask(url: string, { method = 'GET', headers = {}, body, proxy, ca }: Asking = {}) {
  const agent = proxy === undefined ? {} : { agent: new Agent({ proxyEnv: { HTTPS_PROXY: proxy } }) }
  const trust = ca === undefined ? {} : { ca }
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise<Answered>((resolve, reject) => {
    const sent = request(url, { method, headers, ...trust, ...agent }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
