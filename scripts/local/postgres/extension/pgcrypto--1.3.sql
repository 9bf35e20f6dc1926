-- digest(data, type): over the hash functions Postgres itself has.
create function digest(data bytea, type text) returns bytea
language plpgsql immutable strict parallel safe as $$
begin
  case lower(type)
    when 'md5' then return pg_catalog.decode(pg_catalog.md5(data), 'hex');
    when 'sha224' then return pg_catalog.sha224(data);
    when 'sha256' then return pg_catalog.sha256(data);
    when 'sha384' then return pg_catalog.sha384(data);
    when 'sha512' then return pg_catalog.sha512(data);
    else raise exception 'the local pgcrypto stand-in has no digest type "%"', type;
  end case;
end $$;

create function digest(data text, type text) returns bytea
language sql immutable strict parallel safe
as $$ select digest(pg_catalog.convert_to(data, 'UTF8'), type) $$;

-- hmac(data, key, type): RFC 2104.
create function hmac(data bytea, key bytea, type text) returns bytea
language plpgsql immutable strict parallel safe as $$
declare
  block_size constant int := case when lower(type) in ('sha384', 'sha512') then 128 else 64 end;
  padded bytea := key;
  inner_pad bytea;
  outer_pad bytea;
begin
  if pg_catalog.length(padded) > block_size then
    padded := digest(padded, type);
  end if;
  padded := padded || pg_catalog.decode(pg_catalog.repeat('00', block_size - pg_catalog.length(padded)), 'hex');
  inner_pad := padded;
  outer_pad := padded;
  for i in 0 .. block_size - 1 loop
    inner_pad := pg_catalog.set_byte(inner_pad, i, pg_catalog.get_byte(padded, i) # 54);
    outer_pad := pg_catalog.set_byte(outer_pad, i, pg_catalog.get_byte(padded, i) # 92);
  end loop;
  return digest(outer_pad || digest(inner_pad || data, type), type);
end $$;

create function hmac(data text, key text, type text) returns bytea
language sql immutable strict parallel safe
as $$ select hmac(pg_catalog.convert_to(data, 'UTF8'), pg_catalog.convert_to(key, 'UTF8'), type) $$;

-- gen_random_bytes(count): gen_random_uuid() draws from the system's strong source; hashing three of them removes
-- the fixed version bits.
create function gen_random_bytes(count integer) returns bytea
language plpgsql volatile strict parallel safe as $$
declare
  bytes bytea := ''::bytea;
begin
  if count < 1 or count > 1024 then
    raise exception 'Length not in range';
  end if;
  while pg_catalog.length(bytes) < count loop
    bytes := bytes || pg_catalog.sha256(pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
      || pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
      || pg_catalog.uuid_send(pg_catalog.gen_random_uuid()));
  end loop;
  return substring(bytes from 1 for count);
end $$;
