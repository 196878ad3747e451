-- Searches that are narrowed down must not read every hit of a common word to see whether it fits.
-- Both are small: few artifacts have a file or a link, and handles come again and again.
create index artifact_special on artifact (sort_at, id) where has_attachment or has_link;
create index artifact_sender on artifact (sender_handle) where sender_handle is not null;

-- The nearest anchor before a row: by position alone, an old row of a long thread meant to read
-- all the anchors after it.
create index thread_anchor_place on thread_anchor (thread_id, sort_at, artifact_id)
    include (position);

-- In which conversations somebody takes part.
create index thread_participants on thread using gin (participants);
