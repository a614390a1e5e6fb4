/*-------------------------------------------------------------------------
 *
 * secret_file.c
 *	  Secrets in files of journey.secret_dir.
 *
 * Such a secret is in no table, no backup of the database and no statement.  The
 * file is read anew at each use, so that it can be changed without us.  Whose a file
 * is says the folder it is in: the name of the role that owns the destination, so
 * that nobody has another's sent to himself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mb/pg_wchar.h"
#include "storage/fd.h"

#include "guc.h"
#include "names.h"
#include "secret.h"
#include "secret_file.h"

static bool
is_plain(const char *name)
{
	return name_is_printable(name) && strchr(name, '/') == NULL && name[0] != '.';
}

const char *
secret_file_wrong(const char *owner, const char *name)
{
	if (!name_is_printable(name))
		return "names no file";
	if (!is_plain(name))
		return "names a file outside of journey.secret_dir";
	if (strlen(name) > MAXPGPATH / 4)
		return "names a file by too long a name";
	if (!is_plain(owner))
		return "names a file, but the role's name can be no folder's";
	return NULL;
}

/* Root may hand a file out as he likes; NULL: it is as it should be. */
static const char *
file_wrong(int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "it is not a file";
	if (status.st_size > MAX_SECRET_LENGTH)
		return "it is too long";
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return "group or others may write it";
	if (status.st_uid != 0 && (status.st_mode & (S_IRGRP | S_IROTH)))
		return "group or others may read it";
	return NULL;
}

/* The file's text; NULL, and *wrong is set. */
static char *
read_text(int fd, const char **wrong)
{
	char	   *text = palloc(MAX_SECRET_LENGTH + 2);
	size_t		length = 0;
	ssize_t		got = 0;

	while (length <= MAX_SECRET_LENGTH &&
		   (got = read(fd, text +length, MAX_SECRET_LENGTH + 1 - length)) > 0)
		length += got;
	if (got < 0)
		*wrong = strerror(errno);
	else if (length > MAX_SECRET_LENGTH)
		*wrong = "it is too long";
	if (length > 0 && text[length - 1] == '\n')
		length--;
	if (length > 0 && text[length - 1] == '\r')
		length--;
	text[		length] = '\0';

	if (*wrong == NULL && length == 0)
		*wrong = "it is empty";
	else if (*wrong == NULL && !pg_verifymbstr(text, length, true))
		*wrong = "it is not a text in the database's encoding";
	return *wrong == NULL ? text : NULL;
}

/* The folder's path is the server's affair, and not told. */
static char *
complain_file(const char *name, const char *wrong)
{
	return psprintf("secret file %s cannot be used: %s", quoted_name(name), wrong);
}

char *
secret_file_read(const char *owner, const char *name, const char **missing)
{
	const char *wrong = secret_file_wrong(owner, name);
	char	   *text = NULL;
	int			fd;

	if (guc_secret_dir[0] == '\0')
		wrong = "journey.secret_dir is not set";
	if (wrong != NULL)
	{
		*missing = complain_file(name, wrong);
		return NULL;
	}
	fd = OpenTransientFile(psprintf("%s/%s/%s", guc_secret_dir, owner, name),
						   O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (fd < 0)
	{
		*missing = complain_file(name, strerror(errno));
		return NULL;
	}
	wrong = file_wrong(fd);
	if (wrong == NULL)
		text = read_text(fd, &wrong);

	if (wrong != NULL)
		*missing = complain_file(name, wrong);
	CloseTransientFile(fd);
	return text;
}
