// A frontend that uses both sides with generated types: Lin's routes and Supabase's tables. It is compiled, never run.
import { createClient } from "@supabase/supabase-js";
import createLin from "openapi-fetch";
import type { components, paths } from "./api";
import type { Database } from "./database";

type Post = Database["public"]["Tables"]["posts"]["Row"];
type Target = components["schemas"]["TargetView"];

const supabase = createClient<Database>("https://project.example", "sb_publishable_key");
const lin = createLin<paths>({ baseUrl: "https://api.example.org" });

lin.use({
  async onRequest({ request }) {
    const { data } = await supabase.auth.getSession();
    request.headers.set("authorization", `Bearer ${data.session?.access_token}`);
    return request;
  },
});

/** Write a post with Supabase, look at it and publish it with Lin: the id goes from one to the other. */
export async function publish(text: string, account: string): Promise<Target[]> {
  const { data: post, error } = await supabase.from("posts").insert({ text }).select().single();
  if (error) throw new Error(error.message);
  const written: Post = post;
  await supabase.from("post_targets").insert({ post_id: written.id, account_id: account });

  const path = { post_id: written.id };
  const seen = await lin.GET("/api/posts/{post_id}/preview", { params: { path } });
  const tooLong = seen.data?.targets.filter((target) => target.length > target.max_length) ?? [];
  if (tooLong.length) throw new Error(tooLong.map((target) => target.account_name).join());

  const header = { Prefer: "wait=20", "Idempotency-Key": crypto.randomUUID() };
  const done = await lin.POST("/api/posts/{post_id}/publish", { params: { path, header } });
  if (done.error) {
    const fields: string[] = (done.error.errors ?? []).map((one) => one.field);
    throw new Error(`${done.error.title}: ${done.error.detail} ${fields}`);
  }
  return done.data.targets;
}

/** Ask for a draft of an article that Supabase knows, and follow it. */
export async function draft(article: Database["public"]["Tables"]["source_items"]["Row"]): Promise<ReadableStream | null> {
  const asked = await lin.POST("/api/generate", { body: { source_item_id: article.id, variants: 2, image: false } });
  if (!asked.data) throw new Error(asked.error.detail);
  const path = { generation_id: asked.data.generation_id };
  const followed = await lin.GET("/api/generations/{generation_id}/events", { params: { path }, parseAs: "stream" });
  return followed.data ?? null;
}

export async function refusedByTheCompiler(): Promise<void> {
  // @ts-expect-error there is no such route
  await lin.GET("/api/nowhere");
  // @ts-expect-error a field of another name
  await lin.POST("/api/platforms/connect", { body: { platform: "linkedin", redirect: "https://app.example.org" } });
  // @ts-expect-error an id is missing
  await lin.DELETE("/api/generations/{generation_id}", { params: {} });
  // @ts-expect-error there is no such table
  await supabase.from("nowhere").select();
  const { data } = await lin.GET("/api/platforms");
  // @ts-expect-error a text is no number
  const id: number | undefined = data?.platforms[0]?.id;
  void id;
}
