// Bridges on /storage/v1: where lite answers otherwise than hosted Storage.
import { json, jsonRequest, withHeader, withJson } from "./responses.mjs";

const OBJECT = "/storage/v1/object/";
// lite: "/storage/v1/object/sign/..."; hosted: relative to /storage/v1
const relative = (signedUrl) => signedUrl?.replace(/^\/storage\/v1/, "");
const encoded = (key) => key.split("/").map(encodeURIComponent).join("/");

export function createStorage(app) {
  // B list: lite returns every descendant with its full name; hosted one level, relative names, folders with id null
  async function list(request, context, headers, bucket) {
    const asked = await request.json().catch(() => ({}));
    const prefix = (asked.prefix ?? "").replace(/^\/+|\/+$/g, "");
    const everything = { prefix: prefix ? `${prefix}/` : "", limit: 100000, offset: 0 };
    const response = await app.fetch(jsonRequest(request.url, "POST", headers, everything), context);
    if (!response.ok) return response;
    const rows = oneLevel(await response.json(), prefix, asked.search?.toLowerCase() ?? "");
    const column = asked.sortBy?.column ?? "name";
    const direction = asked.sortBy?.order === "desc" ? -1 : 1;
    rows.sort((a, b) => {
      if (Boolean(a.id) !== Boolean(b.id)) return a.id ? 1 : -1;
      return String(a[column] ?? "") < String(b[column] ?? "") ? -direction : direction;
    });
    const offset = asked.offset ?? 0;
    return json(rows.slice(offset, offset + (asked.limit ?? 100)));
  }

  // B create_signed_urls: lite has no route for many
  async function signMany(request, context, headers, bucket, url) {
    const { expiresIn, paths = [] } = await request.json().catch(() => ({}));
    const sign = async (path) => {
      const address = `${url.origin}${OBJECT}sign/${bucket}/${encoded(path)}`;
      const response = await app.fetch(jsonRequest(address, "POST", headers, { expiresIn }), context);
      if (response.ok) return { path, signedURL: relative((await response.json()).signedUrl), error: null };
      const error = "Either the object does not exist or you do not have access to it";
      return { path, signedURL: null, error };
    };
    return json(await Promise.all(paths.map(sign)));
  }

  // B multipart uploads: lite stores the envelope; forward the file's own bytes with their type and exact length
  async function unwrapped(request, headers) {
    const form = await request.formData();
    const file = [...form.values()].find((value) => value instanceof Blob);
    if (!file) return null;
    const bytes = Buffer.from(await file.arrayBuffer());
    const own = new Headers(headers);
    own.delete("transfer-encoding");
    own.set("content-type", (file.type || "application/octet-stream").split(";")[0]);
    own.set("content-length", String(bytes.length)); // lite's size limit trusts this header only
    const cacheControl = form.get("cacheControl");
    if (cacheControl) own.set("cache-control", /^\d+$/.test(cacheControl) ? `max-age=${cacheControl}` : cacheControl);
    return new Request(request.url, { method: request.method, headers: own, body: bytes });
  }

  // B answers: key names, relative URLs, refusals and the download name as hosted sends them
  async function hostedShape(request, response, url) {
    const path = url.pathname;
    if (request.method === "POST" && response.ok) {
      if (path.startsWith(`${OBJECT}upload/sign/`))
        return withJson(response, (body) => ({ url: relative(body.signedUrl), token: body.token }));
      if (path.startsWith(`${OBJECT}sign/`))
        return withJson(response, (body) => ({ signedURL: relative(body.signedUrl) }));
      if (path === `${OBJECT}copy`)
        return withJson(response, (body) => ({ Key: body.Key ?? body.key, Id: body.Id ?? null }));
    }
    if (request.method !== "GET" || !path.startsWith(OBJECT)) return response;
    if (path.startsWith(`${OBJECT}info/`) && response.ok) return withJson(response, hostedInfo);
    if (path.startsWith(`${OBJECT}sign/`) && response.status === 500)
      return json({ statusCode: "400", error: "InvalidJWT", message: "invalid signature or expired" }, 400);
    if (response.ok && url.searchParams.has("download")) {
      const asked = url.searchParams.get("download") || decodeURIComponent(path.split("/").pop());
      const name = asked.replace(/["\r\n\\]/g, "");
      const plain = name.replace(/[^\x20-\x7e]/g, "_");
      const value = `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name)};`;
      return withHeader(response, "content-disposition", value);
    }
    return response;
  }

  /** Answer a request below /storage/v1; `headers` are the request's with lite's kind of token. */
  return async function storage(request, context, headers, url) {
    const posted = request.method === "POST";
    const listed = posted && /^\/storage\/v1\/object\/list\/([^/]+)$/.exec(url.pathname);
    if (listed) return list(request, context, headers, listed[1]);
    const signed = posted && /^\/storage\/v1\/object\/sign\/([^/]+)$/.exec(url.pathname);
    if (signed) return signMany(request, context, headers, signed[1], url);

    let inner;
    const uploads = url.pathname.startsWith(OBJECT) && ["POST", "PUT"].includes(request.method);
    if (uploads && headers.get("content-type")?.startsWith("multipart/form-data")) {
      inner = await unwrapped(request, headers);
      if (!inner) return json({ statusCode: "400", error: "InvalidRequest", message: "the form holds no file" }, 400);
    } else {
      const init = { method: request.method, headers, redirect: "manual" };
      if (!["GET", "HEAD"].includes(request.method)) Object.assign(init, { body: request.body, duplex: "half" });
      inner = new Request(request.url, init);
    }
    return inRange(request, await hostedShape(request, await app.fetch(inner, context), url));
  };
}

// B ranges: lite sends the whole file; players and resumed downloads ask for one part of it
function inRange(request, response) {
  const size = Number(response.headers.get("content-length"));
  if (request.method !== "GET" || response.status !== 200 || !response.body || !size) return response;
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get("range") ?? "") ?? [];
  if (!from && !to) return response;
  const first = from ? Number(from) : Math.max(0, size - Number(to));
  const last = from && to ? Math.min(Number(to), size - 1) : size - 1;
  const headers = new Headers(response.headers);
  if (first > last) {
    response.body.cancel();
    headers.delete("content-length");
    headers.set("content-range", `bytes */${size}`);
    return new Response(null, { status: 416, headers });
  }
  headers.set("accept-ranges", "bytes");
  headers.set("content-range", `bytes ${first}-${last}/${size}`);
  headers.set("content-length", String(last - first + 1));
  let position = 0;
  const part = new TransformStream({
    transform(piece, controller) {
      const wanted = piece.subarray(Math.max(0, first - position), Math.max(0, last + 1 - position));
      if (wanted.length) controller.enqueue(wanted);
      position += piece.length;
      if (position > last) controller.terminate();
    },
  });
  return new Response(response.body.pipeThrough(part), { status: 206, headers });
}

// B info: lite answers with the row, hosted with the facts about the file
function hostedInfo(row) {
  const { id, name, version, bucket_id, created_at, updated_at, user_metadata } = row;
  const { size, mimetype, cacheControl, eTag } = row.metadata ?? {};
  return {
    id,
    name,
    version,
    bucket_id,
    size: size ?? null,
    content_type: mimetype ?? null,
    cache_control: cacheControl ?? null,
    etag: eTag ?? null,
    metadata: user_metadata ?? {},
    last_modified: updated_at,
    created_at,
  };
}

function oneLevel(objects, prefix, search) {
  const level = new Map();
  for (const object of objects) {
    const [name, ...below] = (prefix ? object.name.slice(prefix.length + 1) : object.name).split("/");
    if (!name.toLowerCase().startsWith(search)) continue;
    if (!below.length) {
      const { id, updated_at, created_at, last_accessed_at, metadata } = object;
      level.set(name, { name, id, updated_at, created_at, last_accessed_at, metadata });
    } else if (!level.has(name)) {
      const folder = { name, id: null, updated_at: null, created_at: null, last_accessed_at: null, metadata: null };
      level.set(name, folder);
    }
  }
  return [...level.values()];
}
