-- What an instruction waits for before the vault can pay it (the next day, or higher caps), in one sentence for whoever asks; null while it waits for nothing.
alter table cairn.instruction add column waits_for text;
