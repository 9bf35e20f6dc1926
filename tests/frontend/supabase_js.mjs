// The scenarios with supabase-js. supabase_py.py does the same with supabase-py; keep the two alike.
// Reads what is given (stack.json with `writer` and `stranger`) from standard input and prints one JSON line per scenario.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { createClient } from "@supabase/supabase-js";

const given = JSON.parse(await new Response(process.stdin).text());
const PNG = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(64)]);
const random = () => crypto.randomBytes(6).toString("hex");

function newClient() {
  const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false, flowType: "implicit" };
  return createClient(given.supabase_url, given.publishable_key, { auth });
}

/** The data of an answer that has to be a success. */
function good({ data, error }) {
  assert.equal(error, null, error && `${error.code}: ${error.message}`);
  return data;
}

/** The error of an answer that has to be a refusal with this code (any, without one). */
function refused({ error }, code) {
  assert.ok(error, "it was not refused");
  if (code) assert.equal(error.code, code);
  return error;
}

async function signedUp() {
  const client = newClient();
  const email = `js-${random()}@example.com`;
  const password = crypto.randomBytes(9).toString("base64url");
  const options = { data: { display_name: "Ana" }, emailRedirectTo: given.frontend_url };
  const { session } = good(await client.auth.signUp({ email, password, options }));
  assert.equal(session, null);
  return { client, email, password };
}

async function confirmed() {
  const person = await signedUp();
  const mail = await mailTo(person.email, "Confirm");
  good(await person.client.auth.verifyOtp({ token_hash: mail.tokenHash, type: "email" }));
  return person;
}

async function writerSignedIn() {
  const client = newClient();
  const { email, password } = given.writer;
  good(await client.auth.signInWithPassword({ email, password }));
  return client;
}

/** The newest mail to this address about `subject`, once `number` of them have arrived. */
async function mailTo(email, subject, number = 1) {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const { messages } = await (await fetch(`${given.mailbox_url}/api/v1/messages?limit=500`)).json();
    const found = messages.filter((mail) => mail.To[0].Address === email && mail.Subject.includes(subject));
    if (found.length >= number) {
      const { Text } = await (await fetch(`${given.mailbox_url}/api/v1/message/${found[0].ID}`)).json();
      const { searchParams } = new URL(/https?:\/\/\S+token_hash=[^\s"<>]+/.exec(Text)[0]);
      const code = /\b\d{6}\b/.exec(Text)[0];
      return { code, tokenHash: searchParams.get("token_hash"), type: searchParams.get("type") };
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited 20 s for mail ${number} about ${subject} to ${email}`);
}

const scenarios = {
  async sign_up_and_confirm_by_the_link() {
    const { client, email } = await signedUp();
    const mail = await mailTo(email, "Confirm");
    assert.equal(mail.type, "email");
    const { user } = good(await client.auth.verifyOtp({ token_hash: mail.tokenHash, type: "email" }));
    assert.equal(user.email, email);
    assert.deepEqual(good(await client.from("profiles").select("display_name")), [{ display_name: "Ana" }]);
    refused(await newClient().auth.verifyOtp({ token_hash: mail.tokenHash, type: "email" })); // once only
  },

  async sign_up_and_confirm_by_the_code() {
    const { client, email } = await signedUp();
    const { code } = await mailTo(email, "Confirm");
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, "0");
    refused(await client.auth.verifyOtp({ email, token: wrong, type: "email" }));
    const { user } = good(await client.auth.verifyOtp({ email, token: code, type: "email" }));
    assert.deepEqual(good(await client.from("profiles").select("id")), [{ id: user.id }]);
  },

  async no_sign_in_before_the_address_is_confirmed() {
    const { client, email, password } = await signedUp();
    refused(await client.auth.signInWithPassword({ email, password }), "email_not_confirmed");
  },

  async ask_for_the_confirmation_once_more() {
    const { client, email } = await signedUp();
    const first = await mailTo(email, "Confirm");
    good(await client.auth.resend({ type: "signup", email }));
    const second = await mailTo(email, "Confirm", 2);
    assert.notEqual(second.tokenHash, first.tokenHash);
    refused(await client.auth.verifyOtp({ token_hash: first.tokenHash, type: "email" }));
    assert.ok(good(await client.auth.verifyOtp({ token_hash: second.tokenHash, type: "email" })).session);
  },

  async reset_the_password_by_mail() {
    const { client, email, password: old } = await confirmed();
    const visitor = newClient();
    good(await visitor.auth.resetPasswordForEmail(email, { redirectTo: given.frontend_url }));
    const mail = await mailTo(email, "password");
    assert.equal(mail.type, "recovery");
    good(await visitor.auth.verifyOtp({ token_hash: mail.tokenHash, type: "recovery" }));
    const password = crypto.randomBytes(9).toString("base64url");
    good(await visitor.auth.updateUser({ password }));
    refused(await client.auth.signInWithPassword({ email, password: old }), "invalid_credentials");
    assert.ok(good(await client.auth.signInWithPassword({ email, password })).session);
  },

  async refresh_the_session() {
    const { client, email, password } = await confirmed();
    const { session: before } = good(await client.auth.signInWithPassword({ email, password }));
    const { session: after } = good(await client.auth.refreshSession());
    assert.notEqual(after.refresh_token, before.refresh_token);
    assert.deepEqual(good(await client.from("profiles").select("id")), [{ id: after.user.id }]);
    const { access_token, refresh_token } = after;
    const { session } = good(await newClient().auth.setSession({ access_token, refresh_token }));
    assert.equal(session.user.email, email);
  },

  async sign_out_and_the_session_is_over() {
    const { client, email, password } = await confirmed();
    const { session } = good(await client.auth.signInWithPassword({ email, password }));
    assert.equal((await client.auth.signOut()).error, null);
    assert.equal(good(await client.auth.getSession()).session, null);
    const other = newClient();
    // the library gives this refusal of the server (session_not_found) a name of its own
    assert.equal(refused(await other.auth.getUser(session.access_token)).name, "AuthSessionMissingError");
    refused(await other.auth.refreshSession({ refresh_token: session.refresh_token }));
  },

  async sign_up_of_a_known_address_gives_no_hint() {
    const { client, email, password } = await confirmed();
    const visitor = newClient();
    const { user, session } = good(await visitor.auth.signUp({ email, password: "another one 9" }));
    assert.equal(session, null);
    assert.equal(user.email, email);
    assert.notEqual(user.id, good(await client.auth.getUser()).user.id);
    refused(await visitor.auth.signInWithPassword({ email, password: "another one 9" }), "invalid_credentials");
    assert.ok(good(await visitor.auth.signInWithPassword({ email, password })).session);
  },

  async edit_the_profile() {
    const client = await writerSignedIn();
    const change = (timezone) => client.from("profiles").update({ timezone }).eq("id", given.writer.id).select("timezone");
    assert.deepEqual(good(await change("Europe/Paris")), [{ timezone: "Europe/Paris" }]);
    const error = refused(await change("Mars"), "PT422");
    assert.deepEqual(JSON.parse(error.details).map((entry) => entry.field), ["timezone"]);
  },

  async keep_sources() {
    const client = await writerSignedIn();
    const url = `https://example.com/${random()}`;
    const made = good(await client.from("sources").insert({ url, category: "news" }).select().single());
    assert.deepEqual([made.kind, made.status], ["feed", "waiting"]);
    refused(await client.from("sources").insert({ url }), "23505");
    const own = good(await client.from("sources").update({ title: "Mine" }).eq("id", made.id).select("title"));
    assert.deepEqual(own, [{ title: "Mine" }]);
    good(await client.from("sources").delete().eq("id", made.id));
    assert.deepEqual(good(await client.from("sources").select("id").eq("id", made.id)), []);
  },

  async write_posts() {
    const client = await writerSignedIn();
    const post = good(await client.from("posts").insert({ text: "A draft" }).select().single());
    assert.deepEqual([post.user_id, post.status], [given.writer.id, "draft"]);
    const mine = good(await client.from("posts").update({ text: "Better" }).eq("id", post.id).select("text"));
    assert.deepEqual(mine, [{ text: "Better" }]);
    const found = good(await client.from("posts").select("id, text").ilike("text", "bett%"));
    assert.ok(found.some((row) => row.id === post.id));
    good(await client.from("posts").delete().eq("id", post.id));
    assert.deepEqual(good(await client.from("posts").select("id").eq("id", post.id)), []);
  },

  async choose_accounts() {
    const client = await writerSignedIn();
    const post = good(await client.from("posts").insert({ text: "For everybody" }).select().single());
    const row = { post_id: post.id, account_id: given.writer.account_id };
    const target = good(await client.from("post_targets").insert(row).select().single());
    assert.equal(target.state, "draft");
    good(await client.from("post_targets").update({ options: { visibility: "CONNECTIONS" } }).eq("id", target.id));
    const columns = "id, post_targets(state, options, social_accounts(account_name))";
    const whole = good(await client.from("posts").select(columns).eq("id", post.id).single());
    const social_accounts = { account_name: given.writer.account_name };
    assert.deepEqual(whole.post_targets, [{ state: "draft", options: { visibility: "CONNECTIONS" }, social_accounts }]);
    good(await client.from("post_targets").delete().eq("id", target.id));
    assert.deepEqual(good(await client.from("post_targets").select("id").eq("post_id", post.id)), []);
  },

  async write_no_column_of_the_service() {
    const client = await writerSignedIn();
    refused(await client.from("posts").insert({ text: "x", status: "published" }), "42501");
    const account = client.from("social_accounts").update({ status: "active" });
    refused(await account.eq("id", given.writer.account_id), "42501");
    refused(await client.from("social_account_tokens").select("*"), "42501");
    refused(await client.rpc("heartbeat", { name: "me" }), "42501");
  },

  async see_nothing_of_others() {
    const client = await writerSignedIn();
    const { id, post_id } = given.stranger;
    assert.deepEqual(good(await client.from("posts").select("id").eq("id", post_id)), []);
    assert.deepEqual(good(await client.from("posts").update({ text: "x" }).eq("id", post_id).select()), []);
    refused(await client.from("posts").insert({ text: "x", user_id: id }), "42501");
    refused(await client.from("post_targets").insert({ post_id, account_id: given.writer.account_id }), "23503");
  },

  async keep_files() {
    const client = await writerSignedIn();
    const bucket = client.storage.from("media");
    const folder = `${given.writer.id}/${random()}`;
    const path = `${folder}/picture.png`;
    good(await bucket.upload(path, new Blob([PNG], { type: "image/png" }), { contentType: "image/png" }));
    assert.deepEqual(good(await bucket.list(folder)).map((file) => file.name), ["picture.png"]);
    const { signedUrl } = good(await bucket.createSignedUrl(path, 60));
    const signed = await fetch(signedUrl);
    assert.equal(signed.headers.get("content-type"), "image/png");
    assert.deepEqual(Buffer.from(await signed.arrayBuffer()), PNG);
    const row = good(await client.from("media").insert({ path, alt_text: "Dots" }).select().single());
    assert.equal(row.user_id, given.writer.id);
    refused(await bucket.upload(`${given.stranger.id}/x.png`, PNG, { contentType: "image/png" }));
    refused(await bucket.upload(`${folder}/x.html`, Buffer.from("<p>"), { contentType: "text/html" }));
    good(await bucket.remove([path]));
    assert.deepEqual(good(await bucket.list(folder)), []);
  },

  async hear_why_a_post_cannot_be_scheduled() {
    const client = await writerSignedIn();
    const post = good(await client.from("posts").insert({ text: "x".repeat(3001) }).select().single());
    const nowhere = refused(await client.rpc("schedule_post", { post: post.id }), "PT422");
    assert.deepEqual(JSON.parse(nowhere.details).map((entry) => entry.field), ["targets"]);
    const row = { post_id: post.id, account_id: given.writer.account_id };
    const target = good(await client.from("post_targets").insert(row).select().single());
    const long = refused(await client.rpc("schedule_post", { post: post.id }), "PT422");
    const [reason, ...more] = JSON.parse(long.details);
    assert.deepEqual([reason.field, reason.target_id, more], ["text", target.id, []]);
    assert.ok(reason.message.includes("3001 characters"));
    assert.ok(reason.message.includes(given.writer.account_name));
    assert.equal(long.message, reason.message);
    const missing = refused(await client.rpc("schedule_post", { post: given.stranger.post_id }), "PT404");
    assert.equal(missing.message, "There is no such post.");
  },

  async schedule_and_unschedule() {
    const client = await writerSignedIn();
    const post = good(await client.from("posts").insert({ text: "Tomorrow" }).select().single());
    good(await client.from("post_targets").insert({ post_id: post.id, account_id: given.writer.account_id }));
    const at = new Date(Date.now() + 86_400_000);
    const scheduled = good(await client.rpc("schedule_post", { post: post.id, at: at.toISOString() }));
    assert.equal(scheduled.status, "scheduled");
    assert.equal(new Date(scheduled.scheduled_at).getTime(), at.getTime());
    const targets = good(await client.from("post_targets").select("state").eq("post_id", post.id));
    assert.deepEqual(targets, [{ state: "scheduled" }]);
    const draft = good(await client.rpc("unschedule_post", { post: post.id }));
    assert.deepEqual([draft.status, draft.scheduled_at], ["draft", null]);
  },

  async search_articles() {
    const client = await writerSignedIn();
    const [found, ...more] = good(await client.rpc("search_sources", { query: '"alpine marmots" -cats' }));
    assert.deepEqual([found.id, more], [given.writer.item_id, []]);
    assert.ok(found.snippet.includes("«marmots»"));
    assert.deepEqual(good(await client.rpc("search_sources", { query: "marmots cats" })), []);
  },
};

for (const [scenario, run] of Object.entries(scenarios)) {
  let problem = null;
  try {
    await run();
  } catch (error) {
    problem = error.stack;
  }
  console.log(JSON.stringify({ scenario, problem }));
}
