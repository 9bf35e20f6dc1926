// Answers the gateway writes itself, and small rewrites of lite's answers.

export function json(value, status = 200, headers = {}) {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json", "access-control-allow-origin": "*", ...headers },
  });
}

/** The same answer with its JSON body passed through `change`; `change` returns undefined to leave it alone. */
export async function withJson(response, change) {
  const body = await response.clone().json().catch(() => undefined);
  const changed = body === undefined ? undefined : await change(body);
  if (changed === undefined) return response;
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  return new Response(JSON.stringify(changed), { status: response.status, headers });
}

export function withHeader(response, name, value) {
  const headers = new Headers(response.headers);
  headers.set(name, value);
  return new Response(response.body, { status: response.status, headers });
}

/** A request with another JSON body (the content length is left to the runtime). */
export function jsonRequest(url, method, headers, body) {
  const own = new Headers(headers);
  own.delete("content-length");
  own.set("content-type", "application/json");
  return new Request(url, { method, headers: own, body: JSON.stringify(body) });
}
