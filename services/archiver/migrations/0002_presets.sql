-- What a source is a copy of, where that is known: a photo library, a workflow engine.

alter table source add column preset text;
