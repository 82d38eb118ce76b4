#!/usr/bin/env python3
"""Verifies the hash chain of a book from what its database prints (design.md, "The hash chain"):
psql -c "$(python3 verify-chain.py)" | python3 verify-chain.py -"""
import hashlib, struct, sys

PLAIN = "seq epoch at id kind reason debit_account credit_account amount debit_version credit_version debit_debits debit_credits credit_debits credit_credits"
MORE = "peer_account peer_book channel_number origin_id namespace key asset code reference metadata debit_held_debits debit_held_credits credit_held_debits credit_held_credits drawn_id drawn_left group_id expires_at options changed_by account_flags min_balance max_balance"
columns = f"{PLAIN} {MORE} chain chain_recipe".split()
if len(sys.argv) < 2:
    sys.exit(print(f"COPY (SELECT {', '.join(columns)} FROM journal ORDER BY seq) TO STDOUT (FORMAT binary)"))
pack = lambda value: struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
data, at, value, batch, batches, old = sys.stdin.buffer.read(), 19, bytes(32), b"", 0, 0
while (count := struct.unpack_from(">h", data, at)[0]) >= 0:
    at, fields = at + 2, []
    for _ in range(count):
        size = struct.unpack_from(">i", data, at)[0]
        fields.append(None if size < 0 else data[at + 4 : at + 4 + size])
        at += 4 + max(size, 0)
    *row, chain, recipe = fields
    row = row if any(field is not None for field in row[15:]) else row[:15]
    batch += struct.pack(">h", len(row) + 2) + b"".join(map(pack, [*row, None, None]))
    if chain is None: continue
    seq = struct.unpack(">q", row[0])[0]
    if recipe is None: old += 1  # Recipe 1, of releases before: only followed, not verified.
    elif hashlib.sha256(value + batch).digest() != chain: sys.exit(f"the batch that ends at seq {seq} does not verify")
    value, batch, batches = chain, b"", batches + 1
print(f"{batches} batches up to {value.hex()}, {old} of them by recipe 1")
