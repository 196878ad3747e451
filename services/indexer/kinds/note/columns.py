"""Which columns of the wide table say what, for each of its entities.

``#`` stands for digits that every version of iOS deals out anew; ``store.py`` finds the right ones.
"""

from __future__ import annotations

#: Columns of an entity by the name that they have here.
NOTE = {
    "key": "ZIDENTIFIER", "title": "ZTITLE#", "created": "ZCREATIONDATE#",
    "modified": "ZMODIFICATIONDATE#", "folder": "ZFOLDER",
    "account": "ZACCOUNT#", "pinned": "ZISPINNED", "deleted": "ZMARKEDFORDELETION",
    "locked": "ZISPASSWORDPROTECTED", "iterations": "ZCRYPTOITERATIONCOUNT",
    "wrapped": "ZCRYPTOWRAPPEDKEY", "quick": "ZISSYSTEMPAPER", "share": "ZSERVERSHAREDATA",
    "zone": "ZZONEOWNERNAME",
}  # fmt: skip
FOLDER = {
    "key": "ZIDENTIFIER", "title": "ZTITLE#", "parent": "ZPARENT", "owner": "ZOWNER",
    "account": "ZACCOUNT#", "type": "ZFOLDERTYPE", "deleted": "ZMARKEDFORDELETION",
    "share": "ZSERVERSHAREDATA", "zone": "ZZONEOWNERNAME",
}  # fmt: skip
ACCOUNT = {
    "key": "ZIDENTIFIER",
    "name": "ZNAME",
    "type": "ZACCOUNTTYPE",
    "record": "ZUSERRECORDNAME",
}
ATTACHMENT = {
    "key": "ZIDENTIFIER", "note": "ZNOTE#", "uti": "ZTYPEUTI#", "title": "ZTITLE#",
    "user_title": "ZUSERTITLE", "summary": "ZSUMMARY", "ocr": "ZOCRSUMMARY",
    "handwriting": "ZHANDWRITINGSUMMARY", "index": "ZADDITIONALINDEXABLETEXT", "url": "ZURLSTRING",
    "size": "ZFILESIZE", "duration": "ZDURATION", "width": "ZSIZEWIDTH", "height": "ZSIZEHEIGHT",
    "created": "ZCREATIONDATE#", "parent": "ZPARENTATTACHMENT#", "media": "ZMEDIA",
    "deleted": "ZMARKEDFORDELETION", "locked": "ZISPASSWORDPROTECTED",
    "image_generation": "ZFALLBACKIMAGEGENERATION", "pdf_generation": "ZFALLBACKPDFGENERATION",
    "mergeable": "ZMERGEABLEDATA#",
}  # fmt: skip
INLINE = {
    "key": "ZIDENTIFIER", "note": "ZNOTE#", "uti": "ZTYPEUTI#", "text": "ZALTTEXT",
    "token": "ZTOKENCONTENTIDENTIFIER", "deleted": "ZMARKEDFORDELETION",
}  # fmt: skip
MEDIA = {
    "key": "ZIDENTIFIER",
    "file": "ZFILENAME",
    "generation": "ZGENERATION#",
    "attachment": "ZATTACHMENT#",
}
PREVIEW = {
    "key": "ZIDENTIFIER", "attachment": "ZATTACHMENT#", "generation": "ZGENERATION#",
    "width": "ZWIDTH", "height": "ZHEIGHT", "scale": "ZSCALE",
}  # fmt: skip
#: What a lock is made of: columns of the note, and of its content where that has one of its own.
SEALED = {
    "salt": "ZCRYPTOSALT",
    "wrapped_key": "ZCRYPTOWRAPPEDKEY",
    "vector": "ZCRYPTOINITIALIZATIONVECTOR",
    "tag": "ZCRYPTOTAG",
}
