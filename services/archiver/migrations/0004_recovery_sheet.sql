-- When somebody took the recovery sheet, with the passwords if there are any; null: nobody did.
alter table destination add column sheet_downloaded_at timestamptz;
